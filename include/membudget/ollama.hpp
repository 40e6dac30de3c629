// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

#pragma GCC visibility push(default)
namespace membudget {

// What Ollama reckons with and what it can be told, as in ollama/ollama at
// fb30760996871fa9460115c753afd2c60d4ab0f7 (0.33.0); its figures stand in profiles/runtimes/.

/// What Ollama's scheduler believes a model needs. It decides by this alone whether other models
/// are unloaded, how large a batch may be, and whether the file is mapped.
struct OllamaBelief {
  Bytes file;       ///< Of the model's own file, whatever else is in it.
  Bytes cache;      ///< As if every layer kept f16 keys and values of all tokens.
  Bytes surcharge;  ///< For the batch.

  /// What the scheduler compares with the memory that is free.
  [[nodiscard]] Bytes total() const { return file + cache + surcharge; }
};

/// PredictServerVRAM (llm/llama_server.go:2678) for a context of all slots together, and the
/// surcharge of the batch (server/sched.go:885; embedding models have none).
[[nodiscard]] OllamaBelief ollama_belief(const Model& model, const OllamaRules& rules,
                                         std::int64_t context, std::int64_t batch);

/// Free memory below which a model that is believed to need this makes Ollama unload another one
/// first (server/sched.go:549), the memory of the others already taken off.
[[nodiscard]] Bytes ollama_evicts_below(const OllamaBelief& belief, const OllamaRules& rules);

/// Embedding models and some architectures get one slot, whatever is asked for
/// (server/sched.go:501-513).
[[nodiscard]] bool ollama_single_slot(const Model& model, const OllamaRules& rules);

/// The file asks for embeddings (the key `pooling_type`, llm/llama_server.go:866).
[[nodiscard]] bool ollama_embeds(const Model& model);

/// Weights of the vision tower that Ollama loads beside the model: of a projector of its own, else
/// from the model's file where the architecture is known for it. 0 = none.
[[nodiscard]] Bytes ollama_projector(const Model& model, const OllamaRules& rules);

/// The runtime as a server that was started with these variables; names that Ollama does not read
/// are passed over, values that it cannot read are its defaults (envconfig/config.go:204-273).
/// `warnings` gets a sentence for each such value, and for each that planning does not follow.
/// Throws Error{bad_request} for a cache type llama.cpp does not have, which ends the server.
[[nodiscard]] Runtime with_ollama_environment(Runtime runtime,
                                              const std::map<std::string, std::string>& variables,
                                              std::vector<std::string>& warnings);

/// What a Modelfile says of memory.
struct Modelfile {
  std::string from;                     ///< A tag, a file or a repository, as it stands there.
  std::optional<std::int64_t> num_ctx;  ///< Of one slot.
  std::optional<std::int64_t> num_batch;
  std::optional<std::int64_t> num_gpu;  ///< Negative = automatic.
  std::optional<bool> use_mmap;
  std::vector<std::string> warnings;  ///< What stands there and is not planned for.
};

/// Reads it as Ollama does (parser/parser.go): instructions in any case, comments, values in one or
/// three quotes. Throws Error{bad_request} whose where() is `file:line`.
[[nodiscard]] Modelfile read_modelfile(const std::string& file, std::string_view text);

/// The workload with what the Modelfile says where the user left it open: as in Ollama a request's
/// options stand before the model's, and these before the server's. The context is a slot's.
[[nodiscard]] Workload with_modelfile(Workload workload, const Modelfile& modelfile);

/// A workload whose context is a slot's, as Ollama's num_ctx, as plans count it: of all slots.
[[nodiscard]] Workload with_slot_context(Workload workload, const Runtime& runtime,
                                         const Model& model);

}  // namespace membudget
#pragma GCC visibility pop
