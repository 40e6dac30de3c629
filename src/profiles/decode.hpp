// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/advice_rules.hpp"
#include "membudget/calibration.hpp"
#include "membudget/capability.hpp"
#include "membudget/health.hpp"
#include "membudget/link.hpp"
#include "membudget/machine.hpp"
#include "membudget/quality_table.hpp"
#include "membudget/runtime.hpp"
#include "membudget/serving_rules.hpp"
#include "membudget/speed_rules.hpp"
#include "membudget/stack_profile.hpp"
#include "membudget/this_machine.hpp"
#include "model/metadata.hpp"
#include "model/quantization.hpp"
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

/// profiles/budget.json: what is kept free, the same for every chip.
struct BudgetTable {
  struct LeastMargin {
    std::optional<Bytes> ram_to;  ///< Of machines up to this much RAM; nothing = of all.
    Bytes bytes;
    std::string source;
  };
  std::int64_t margin_percent = 0;
  std::vector<LeastMargin> least_margins;  ///< Ascending; the last has no bound.
  std::string margin_source;
  std::int64_t buffer_percent = 0;  ///< maxBufferLength, of the default working set.
  Bytes page;                       ///< It is a whole number of these.
  std::string buffer_source;
  HostRules hosts;  ///< Without the margins, which are those above.
  std::vector<ReservePreset> reserves;

  /// The same with the margins.
  [[nodiscard]] HostRules host_rules() const;
  [[nodiscard]] SafetyMargin margin_of(Bytes ram) const;
  [[nodiscard]] Bytes largest_buffer(Bytes default_limit) const;
  /// Fills in what the chip's own profile leaves to the table.
  void complete(Chip& chip, bool has_margin) const;
};

/// profiles/chips/*.json.
struct ChipProfile {
  Chip chip;                   ///< Working sets only where the file overrides the common table.
  bool safety_margin = false;  ///< The file states one; otherwise the common one holds.
  std::vector<std::string> aliases;
};

/// profiles/runtimes/*.json.
struct RuntimeProfile {
  /// Builds that follow the same memory rules.
  struct Builds {
    std::int64_t from = 0;
    std::optional<std::int64_t> to;  ///< Inclusive; nothing = every later build.
    LlamaCppRules rules;
    std::string note;  ///< What a reader of a plan must know about them; mostly empty.
  };
  /// A release of a runtime that numbers its own.
  struct Version {
    std::string version;     ///< "0.33.0"
    std::int64_t build = 0;  ///< Of the llama.cpp it brings; 0 for other engines.
    Runtime rules;           ///< Of the engine's rules only those of `engine` are set.
  };
  Runtime runtime;  ///< Everything but the version and its rules.
  std::vector<std::string> aliases;
  std::int64_t fit_from = 0;  ///< The first build that has the runtime's FitRules.
  // llama.cpp's builds stand in its own profile; other runtimes with its engine name that one.
  std::int64_t newest_build = 0;  ///< The newest build whose memory was measured.
  std::vector<Builds> builds;     ///< Ascending, without gaps; the last has no end.
  std::string builds_of;          ///< The runtime whose builds these are; empty = its own.
  std::string rules_of;           ///< The runtime whose MLX rules these are; empty = its own.
  std::string ollama_of;          ///< The runtime whose Ollama rules these are; empty = its own.
  std::vector<Version> versions;  ///< Newest first; empty for llama.cpp and what builds with it.
  std::string versions_of;        ///< The runtime whose versions these are; empty = its own.

  /// Another runtime's rules with what the program around MLX does otherwise.
  [[nodiscard]] MlxRules mlx_rules_over(MlxRules rules) const;
};

/// A published file that is not what llama-quantize would write from the model today.
struct Upload {
  /// Ollama tags or Hugging Face repositories; a `*` at the end stands for any rest.
  std::vector<std::string> names;
  std::string quantization;        ///< Only files of this quantization; empty = of any.
  bool importance_matrix = false;  ///< Made with one, which moves some types.
  /// Instead of the model's: an output stored though it is tied.
  std::optional<std::vector<std::string>> optional_tensors;
  std::vector<NamedType> tensors;
  std::vector<std::string> at_base_type;  ///< Tensors that have the file type's base type.
  bool counts_each_ffn_down = false;      ///< As FileType's.
  std::string tokenizer;                  ///< Instead of the model's; empty = the same.
  Bytes beside;                           ///< Of other data in the file: a vision tower.
  /// In matrices of the base type that the file has for drafting under names of its own.
  std::int64_t draft_parameters = 0;
  bool ollama_transforms = false;               ///< As the model's.
  std::optional<std::int64_t> stated_kv_heads;  ///< Instead of the model's.
  /// The types follow no rule that is known; plans are made with the stock mix.
  bool other_mix = false;
  std::string note;  ///< What is different, and how it is known.
};

/// profiles/models/*.json.
struct ModelProfile {
  std::string id;
  std::string name;
  std::string family;
  /// Whose models may take this one's place, smaller or larger, where its own family has none.
  std::vector<std::string> related_families;
  std::string architecture;
  std::string modality;
  std::vector<std::string> names;      ///< Ollama tags, Hugging Face repository, aliases.
  std::vector<std::string> ollama;     ///< The tags among them.
  std::string repository;              ///< At Hugging Face; may be empty.
  std::int64_t parameters = 0;         ///< Of the tensor list; tied embeddings counted once.
  std::int64_t active_parameters = 0;  ///< Those one token uses; 0 = all.
  /// As its publisher counts them, without those that no GGUF holds; 0 = no count is known.
  std::int64_t published_parameters = 0;
  std::int64_t published_plus_minus = 0;  ///< How far a rounded count may be off.
  bool tied_embeddings =
      false;              ///< Input and output share their weights, also where a file has both.
  std::string tokenizer;  ///< An entry of profiles/tokenizers.json.
  std::string default_quantization;
  /// GGUF keys without the architecture ("block_count"); "tokenizer." keys are whole.
  std::vector<std::pair<std::string, Metadata::Value>> metadata;
  std::vector<std::string> optional_tensors;
  std::vector<Upload> uploads;  ///< The first that matches counts.
};

/// profiles/tokenizers.json: what vocabularies take in a GGUF header.
struct TokenizerTable {
  struct Entry {
    std::string id;
    std::int64_t tokens = 0;
    Bytes bytes;
  };
  std::vector<Entry> entries;

  /// Bytes of a vocabulary of `tokens`, a padded one in proportion; nothing for an unknown id.
  [[nodiscard]] Bytes size(std::string_view id, std::int64_t tokens) const;
  [[nodiscard]] bool knows(std::string_view id) const;
};

/// profiles/quants/*.json.
struct QuantizationProfile {
  std::string id;
  std::string name;  ///< As llama-quantize or mlx-lm spell it.
  std::vector<std::string> aliases;
  std::string summary;  ///< One line for lists.
  Quantization quantization;
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

/// The object "ollama" of a runtime.
[[nodiscard]] OllamaRules take_ollama_rules(Fields fields);

/// Each reads one file, strictly: an unknown key is a fault. The file's name must end in the id
/// plus ".json". What has a fault reads as a harmless value, so the result is of use only when
/// `faults` stays empty.
[[nodiscard]] WorkingSetTable decode_working_sets(Faults& faults);
/// profiles/advice.json.
[[nodiscard]] AdviceRules decode_advice(Faults& faults);
[[nodiscard]] BudgetTable decode_budget(Faults& faults);
/// profiles/links.json.
[[nodiscard]] std::vector<Link> decode_links(Faults& faults);
[[nodiscard]] SpeedTable decode_speed(Faults& faults);
[[nodiscard]] ServingRules decode_serving(Faults& faults);
[[nodiscard]] QualityTable decode_quality(Faults& faults);
[[nodiscard]] CapabilityRules decode_capability(Faults& faults);
[[nodiscard]] HealthRules decode_health(Faults& faults);
[[nodiscard]] CalibrationRules decode_calibration(Faults& faults);
[[nodiscard]] ChipProfile decode_chip(Faults& faults);
[[nodiscard]] RuntimeProfile decode_runtime(Faults& faults);
[[nodiscard]] ModelProfile decode_model(Faults& faults);
[[nodiscard]] QuantizationProfile decode_quantization(Faults& faults);
[[nodiscard]] StackProfile decode_stack(Faults& faults);
[[nodiscard]] TokenizerTable decode_tokenizers(Faults& faults);

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

/// A tensor type by ggml's name, in upper case: "Q4_K".
[[nodiscard]] ElementType take_element_type(Fields& fields, std::string_view key);
/// An optional object from tensor names to their types: {"attn_v.weight": "F16"}.
[[nodiscard]] std::vector<NamedType> take_named_types(Fields& fields, std::string_view key);

/// The members every profile starts with: "schema" must be `schema`, "id" the file's name.
/// Returns the id.
std::string take_header(Fields& fields, std::string_view schema);

}  // namespace membudget
