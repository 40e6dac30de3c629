// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace membudget {

/// A model of the catalog, without its tensors.
struct CatalogEntry {
  std::string id;
  std::string name;
  std::string family;    ///< As families are named in profiles/capability.json; may be empty.
  std::string modality;  ///< "text", "vision" (it takes images too) or "embedding".
  std::int64_t parameters = 0;
  std::int64_t active_parameters = 0;  ///< Those one token uses; all for dense models.
  std::int64_t trained_context = 0;    ///< In tokens.
  std::string default_quantization;    ///< Of the usual upload, which Ollama's plain tag holds.
  std::vector<std::string>
      ollama;              ///< Tags in Ollama's library, the exact one first; may be empty.
  std::string repository;  ///< At Hugging Face; may be empty.
};

/// Months since January of year 0: dates that can be subtracted.
using Month = std::int64_t;

/// What a kind of training does for a task: "code" models code like larger ones.
struct TraitWorth {
  std::string trait;
  std::string task;    ///< Empty: every task.
  double worth = 1;    ///< Times the parameters; 0: not for this task at all.
  std::string reason;  ///< With a source, or why it is judged so.
};

/// What is known of a family, or of one model where it differs from its family.
struct FamilyCapability {
  std::string name;                 ///< Of the family, or the model's id.
  Month released = 0;               ///< 0 for a model: as its family.
  std::int64_t behind = 0;          ///< Months its models trail the best of their size at release.
  std::vector<std::string> traits;  ///< Of a model: besides its family's.
  std::string reason;               ///< Why `behind` and the traits are what they are.
};

/// How models are ranked for a task.
struct TaskRules {
  std::string name;                        ///< "coding"
  std::int64_t context = 0;                ///< Tokens wanted unless asked for otherwise.
  double seamless_tps = 0;                 ///< Faster than this gains nothing.
  double least_tps = 0;                    ///< Slower than this is left out.
  double least_parameters = 0;             ///< Models worth less are left out.
  std::vector<std::string> quantizations;  ///< Wanted, best first.
  std::vector<std::string> requires_any;   ///< Only models with one of these traits; empty: all.
  std::string reason;
};

/// The documents' selector: what one of its words asks for.
struct SelectorRule {
  std::string axis;                        ///< "complexity", "quality" or "performance".
  std::string value;                       ///< "simple"
  double enough_parameters = 0;            ///< Worth beyond this gains nothing; 0: no limit.
  double least_tps = 0;                    ///< 0: the task's.
  std::vector<std::string> quantizations;  ///< Empty: the task's.
  std::string reason;
};

/// What the documents choose for a machine.
struct SelectorChoice {
  std::string complexity;  ///< All empty: everything else.
  std::string quality;
  std::string performance;
  std::string model;  ///< A catalog name.
  std::string source;
};

/// profiles/capability.json: how much a model can be expected to do, as far as that can be said
/// without benchmarks of each. The formula is worth_of()'s.
struct CapabilityRules {
  /// Capability grows with parameters to this power: perplexity falls by it.
  double size_exponent = 0;
  /// Months after which a model half as large does the same.
  double halving_months = 0;
  /// Mixtures of experts count as total^share x active^(1 - share) parameters.
  double total_share = 0;
  /// Speed below seamless counts with this power.
  double speed_exponent = 0;
  /// A plan that is only tight counts this much.
  double tight = 1;
  double reference_parameters = 0;  ///< Dense, released in `reference`: capability 1.
  Month reference = 0;
  std::vector<std::string> last_resort;  ///< Quantizations when nothing else fits, best first.
  std::vector<TraitWorth> traits;
  std::vector<TaskRules> tasks;
  std::vector<FamilyCapability> families;
  std::vector<FamilyCapability> models;
  std::vector<SelectorRule> selector;
  std::vector<SelectorChoice> choices;

  /// nullptr when there is none of this name.
  [[nodiscard]] const TaskRules* task(std::string_view name) const;
  /// nullptr when nothing is known of a family of this name.
  [[nodiscard]] const FamilyCapability* family(std::string_view name) const;
  /// nullptr when the model has no entry of its own; its family's holds then.
  [[nodiscard]] const FamilyCapability* model(std::string_view id) const;
};

}  // namespace membudget
#pragma GCC visibility pop
