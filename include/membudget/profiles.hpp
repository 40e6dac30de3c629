// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/advice_rules.hpp"
#include "membudget/calibration.hpp"
#include "membudget/capability.hpp"
#include "membudget/health.hpp"
#include "membudget/link.hpp"
#include "membudget/machine.hpp"
#include "membudget/model.hpp"
#include "membudget/quality_table.hpp"
#include "membudget/runtime.hpp"
#include "membudget/serving_rules.hpp"
#include "membudget/speed_rules.hpp"
#include "membudget/stack_profile.hpp"
#include "membudget/this_machine.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What a profile describes; each has a folder of its own under profiles/.
enum class ProfileKind : std::uint8_t { chip, model, quantization, runtime, stack };

/// "chip", "model", "quantization", "runtime", "stack".
[[nodiscard]] std::string_view to_string(ProfileKind kind);

/// Another model of a family.
struct Relative {
  std::string id;
  std::int64_t parameters = 0;
};

/// The stack in a file of the user's, which is named after its id like every profile. Throws
/// Error{io} when it cannot be read, Error{invalid_profile} for its first fault.
[[nodiscard]] StackProfile read_stack(const std::filesystem::path& file);

/// The facts under profiles/: chips, catalog models, quantizations, runtimes and stacks, looked up
/// by id.
///
/// Files are decoded when they are asked for, so that starting a program costs nothing.
class Profiles {
 public:
  /// The set compiled into the library.
  [[nodiscard]] static Profiles embedded();

  /// This set plus every chips/, models/, quants/, runtimes/ and stacks/ *.json and the common
  /// tables (working_sets.json, tokenizers.json, budget.json, advice.json) under `folder`; a file
  /// whose id is known replaces that entry. Throws Error{io} when the folder cannot be read and
  /// Error{invalid_profile} whose where() is `file#/json/pointer`.
  [[nodiscard]] Profiles overlaid_with(const std::filesystem::path& folder) const;
  /// This set plus one profile of a chip, model, quantization, runtime or stack, as such a file
  /// holds it; its members `schema` and `id` say which, and one whose id is known replaces that
  /// entry. Reads nothing but `json`. Throws Error{invalid_profile} whose where() is
  /// `profile#/json/pointer` or, where the text is not JSON, `profile:line:column`.
  [[nodiscard]] Profiles overlaid_with_profile(std::string_view json) const;

  /// Each throws Error{unknown_name} that lists the nearest known names.
  [[nodiscard]] Chip chip(std::string_view id) const;
  /// What readings say of the machine they are of, matched to these chips. Throws
  /// Error{unsupported} when not even the size of its RAM is known.
  [[nodiscard]] ThisMachine this_machine(const HostReadings& readings) const;
  /// What runs beside a model: "docker-postgres-qdrant".
  [[nodiscard]] ReservePreset reserve(std::string_view id) const;
  /// All that reserve() knows, in the order of the profile.
  [[nodiscard]] std::vector<ReservePreset> reserves() const;
  /// A cable or network between Macs: "10gbe".
  [[nodiscard]] Link link(std::string_view id) const;
  /// What changes cost, and which settings are recommended.
  [[nodiscard]] AdviceRules advice_rules() const;
  /// The other models of a model's family, from the largest to the smallest; empty for a name that
  /// is not in the catalog.
  [[nodiscard]] std::vector<Relative> relatives(std::string_view id) const;
  /// "llama.cpp" (newest known build) or "llama.cpp@b10488" (the rules of that build).
  [[nodiscard]] Runtime runtime(std::string_view id) const;
  /// How fast the runtime is; one that nobody measured is taken for its engine. nullopt where
  /// nothing is known of the engine either.
  [[nodiscard]] std::optional<SpeedRules> speed_rules(const Runtime& runtime) const;
  /// What quantizations lose, as published.
  [[nodiscard]] QualityTable quality_table() const;
  /// How servers load models and let them go, and how fast SSDs are.
  [[nodiscard]] ServingRules serving_rules() const;
  /// Models that are in memory at once. Throws Error{invalid_profile} for one with a fault.
  [[nodiscard]] StackProfile stack(std::string_view id) const;
  /// How models are ranked.
  [[nodiscard]] CapabilityRules capability_rules() const;
  /// When a running model should be replaced.
  [[nodiscard]] HealthRules health_rules() const;
  /// Which records count for a calibration.
  [[nodiscard]] CalibrationRules calibration_rules() const;
  /// Every model, by id. Decodes all of their files.
  [[nodiscard]] std::vector<CatalogEntry> catalog() const;
  /// By id, Ollama tag, Hugging Face repository or alias, case-insensitive; a tag may name the
  /// quantization too ("llama3.1:8b-instruct-q8_0"). `quantization` is a name as llama-quantize or
  /// mlx-lm takes it and stands before the tag's; empty means the model's usual upload. What is
  /// known of the upload that `name` names is part of the model.
  [[nodiscard]] Model model(std::string_view name, std::string_view quantization = {}) const;

  /// Sorted ids of all profiles of a kind; none is decoded for it.
  [[nodiscard]] std::vector<std::string> ids(ProfileKind kind) const;
  /// What chip() knows, sorted.
  [[nodiscard]] std::vector<std::string> chip_ids() const { return ids(ProfileKind::chip); }
  /// What runtime() knows, sorted, without builds.
  [[nodiscard]] std::vector<std::string> runtime_ids() const { return ids(ProfileKind::runtime); }
  /// What model() knows by its id, sorted.
  [[nodiscard]] std::vector<std::string> model_ids() const { return ids(ProfileKind::model); }
  /// Quantizations as people write them: "Q4_K_M", "4bit"; from the most to the fewest bits.
  [[nodiscard]] std::vector<std::string> quantization_names() const;

  /// The quantization that `engine` reads with about as many bits per weight: "4bit" for MLX when
  /// `name` is "Q4_K_M", "q4f16_1" for MLC-LLM; `name` itself, as people write it, where the engine
  /// reads that. Throws Error{unknown_name}.
  [[nodiscard]] std::string nearest_quantization(std::string_view name, Engine engine) const;

  /// Of most of the tensors, scales included: 4.5 for Q4_K_M. Throws Error{unknown_name}.
  [[nodiscard]] double bits_per_weight(std::string_view quantization) const;
  /// Whether it is a quantization of MLX, not of GGUF. Throws Error{unknown_name}.
  [[nodiscard]] bool is_mlx(std::string_view quantization) const;
  /// What a catalog model is mostly published at: "Q4_K_M". Throws Error{unknown_name}.
  [[nodiscard]] std::string usual_quantization(std::string_view model) const;

  /// The profile of that name as its file has it, while this lives. Throws Error{unknown_name}.
  [[nodiscard]] std::string_view document(ProfileKind kind, std::string_view name) const;

 private:
  struct Store;
  explicit Profiles(std::shared_ptr<const Store> store);
  std::shared_ptr<const Store> store_;
};

}  // namespace membudget
#pragma GCC visibility pop
