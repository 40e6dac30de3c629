// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// When a model is in memory.
enum class Residency : std::uint8_t {
  resident,   ///< All the time.
  on_demand,  ///< Its server loads it when it is asked for.
};

/// profiles/stacks/*.json, or a file like them: models that share a machine, by name. Nothing is
/// looked up yet; see stack_of().
struct StackProfile {
  /// One model of the stack and the settings it is served with.
  struct Member {
    std::string name;          ///< How requests and claims call it; unique. Default: the model's.
    std::string model;         ///< As `plan` takes it.
    std::string quantization;  ///< Empty = the model's usual.
    std::string runtime;       ///< Profile id, with or without `@BUILD`; empty = llama.cpp.
    std::string role;          ///< What it is there for, in the author's words.
    /// In tokens, as the runtime's own setting counts it: of all slots, of each with Ollama;
    /// 0 = the runtime's default.
    std::int64_t context = 0;
    std::int64_t parallel = 0;  ///< Slots; 0 = the runtime's default.
    std::int64_t batch = 0;     ///< 0 = the runtime's default, as for the next.
    std::int64_t ubatch = 0;
    std::optional<std::int64_t> gpu_layers;
    std::string cache_type;       ///< Of K and V; empty = the runtime's default.
    std::string flash_attention;  ///< "on", "off", "auto"; empty = the runtime's default.
    bool embeddings = false;      ///< Serves embeddings instead of text.
    std::string draft;            ///< A model that drafts tokens for this one; empty: none.
    std::int64_t count = 1;       ///< Processes that each hold the model.
    Residency load = Residency::resident;
    std::optional<std::int64_t> keep_alive_s;  ///< Instead of its server's; negative = for ever.
  };

  /// What a server is set to, where it differs from its defaults.
  struct Server {
    std::string runtime;
    std::optional<std::int64_t> keep_alive_s;
    std::optional<std::int64_t> max_loaded;
  };

  /// Requests to one member, `times` of them, one every `every_s` seconds.
  struct Request {
    double at_s = 0;
    std::string member;
    std::int64_t prompt_tokens = 0;
    std::int64_t generate_tokens = 0;
    std::int64_t times = 1;
    double every_s = 0;
  };

  /// What somebody said the stack takes, to be printed beside ours.
  struct Claim {
    std::string says;  ///< "about 22 GB"
    Bytes bytes;
    std::vector<std::string> members;  ///< Of these together; empty = of all.
    std::string why;                   ///< Why ours differs.
    std::string source;
  };

  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string chip;    ///< The machine it was made for; empty = any.
  std::string beside;  ///< What else runs there, as --reserve takes it: "docker-postgres-qdrant".
  Bytes reserve;       ///< ... or in bytes, over the chip's reserve.
  std::vector<Member> members;
  std::vector<Server> servers;
  std::vector<Request> requests;
  std::vector<Claim> claims;
  std::vector<std::string> notes;
};

}  // namespace membudget
#pragma GCC visibility pop
