// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/machine.hpp"
#include "membudget/runtime.hpp"
#include "membudget/speed_rules.hpp"
#include "model/metadata.hpp"
#include "profiles/faults.hpp"

namespace membudget {

/// profiles/working_sets.json: Metal's limits by RAM, the same for every chip.
struct WorkingSetTable {
  struct Entry {
    Bytes ram;
    WorkingSet working_set;
  };
  std::vector<Entry> entries;

  [[nodiscard]] std::vector<WorkingSet> of_ram(Bytes ram) const;
};

/// profiles/chips/*.json.
struct ChipProfile {
  Chip chip;  ///< Working sets only where the file overrides the common table.
  std::vector<std::string> aliases;
};

/// profiles/runtimes/*.json.
struct RuntimeProfile {
  /// Builds that follow the same memory rules.
  struct Builds {
    std::int64_t from = 0;
    std::optional<std::int64_t> to;  ///< Inclusive; nothing = every later build.
    LlamaCppRules rules;
  };
  Runtime runtime;  ///< Everything but the version and its rules.
  std::vector<std::string> aliases;
  std::int64_t newest_build = 0;  ///< The newest build whose memory was measured.
  std::vector<Builds> builds;     ///< Ascending, without gaps; the last has no end.
};

/// profiles/models/*.json.
struct ModelProfile {
  std::string id;
  std::string architecture;
  std::vector<std::string> names;  ///< Ollama tags, Hugging Face repository, aliases.
  std::int64_t parameters = 0;     ///< As published; tied embeddings counted once.
  std::string default_quantization;
  /// GGUF keys without the architecture ("block_count"); "tokenizer." keys are whole.
  std::vector<std::pair<std::string, Metadata::Value>> metadata;
  std::vector<std::string> optional_tensors;
};

/// profiles/speed.json: what engines reach, and what the runtimes built on them add.
struct SpeedTable {
  struct Runtime {
    std::string runtime;  ///< "ollama"
    std::string engine;
    double token_us = 0;
  };
  std::vector<SpeedRules> engines;
  std::vector<Runtime> runtimes;

  /// nullptr when there is none of this name.
  [[nodiscard]] const SpeedRules* of_engine(std::string_view engine) const;
};

class Fields;

/// Each reads one file, strictly: an unknown key is a fault. The file's name must end in the id
/// plus ".json". What has a fault reads as a harmless value, so the result is of use only when
/// `faults` stays empty.
[[nodiscard]] WorkingSetTable decode_working_sets(Faults& faults);
[[nodiscard]] SpeedTable decode_speed(Faults& faults);
[[nodiscard]] ChipProfile decode_chip(Faults& faults);
[[nodiscard]] RuntimeProfile decode_runtime(Faults& faults);
[[nodiscard]] ModelProfile decode_model(Faults& faults);

/// The same of a text that must have no fault; `file` names it. Throws Error{invalid_profile} for
/// the first fault, with where() `file#/json/pointer`.
template <class Profile>
[[nodiscard]] Profile decode(Profile (*read)(Faults&), const std::string& file,
                             std::string_view text) {
  Faults faults(file, text);
  Profile out = read(faults);
  faults.throw_first();
  return out;
}

/// The members every profile starts with: "schema" must be `schema`, "id" the file's name.
/// Returns the id.
std::string take_header(Fields& fields, std::string_view schema);

}  // namespace membudget
