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
#include "model/metadata.hpp"

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

/// Each reads one file, strictly: an unknown key is a fault. `file` names it in faults and must
/// end in the id plus ".json". Throws Error{invalid_profile} with where() `file#/json/pointer`.
[[nodiscard]] WorkingSetTable decode_working_sets(const std::string& file, std::string_view text);
[[nodiscard]] ChipProfile decode_chip(const std::string& file, std::string_view text);
[[nodiscard]] RuntimeProfile decode_runtime(const std::string& file, std::string_view text);
[[nodiscard]] ModelProfile decode_model(const std::string& file, std::string_view text);

class Fields;

/// The members every profile starts with: "schema" must be `schema`, "id" the file's name.
/// Returns the id.
std::string take_header(Fields& fields, std::string_view schema);

}  // namespace membudget
