// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace membudget {

/// One thing that can be changed so that a model fits, or that can be afforded when it does.
enum class Lever : std::uint8_t {
  flash_attention,
  swa_full,
  ubatch,
  prefill_step,
  parallel,
  cache_type,
  context,
  wired_limit,
  quantization,
  n_cpu_moe,
  gpu_layers,
  mmap,
  model,
};

/// What pulling a lever costs.
struct LeverCost {
  Lever lever = Lever::context;
  /// Only for changes to this value ("q4_0", "below 4 bits"); empty: for all others.
  std::string to;
  /// Points per step of the lever. Only their order and sums mean something: a change is better
  /// than another when its points are fewer.
  std::int64_t regret = 0;
  std::string speed;    ///< In words; a predicted rate stands beside it, never instead of it.
  std::string quality;  ///< In words; published figures stand beside it.
  std::string source;   ///< Why the points are what they are.
};

/// A rule that a recommendation follows, as --explain shows it.
struct AdviceRule {
  std::string id;    ///< "k-quants-first"
  std::string says;  ///< One sentence.
  std::string source;
};

/// Which quantization is wanted first; the first entry that applies decides.
struct PreferredQuantizations {
  std::string task;  ///< "code"; empty: any.
  std::int64_t parameters_from = 0;
  std::vector<std::string> names;  ///< Best first.
  std::string rule;                ///< Id of the rule that says so.
};

/// Quantizations of one kind; a later group is only asked when nothing of an earlier one fits.
struct QuantizationGroup {
  std::vector<std::string> names;  ///< Best first.
  std::string rule;
};

/// How advice is given (profiles/advice.json). The searches are ladder()'s and recommend()'s.
struct AdviceRules {
  std::vector<LeverCost> levers;
  /// Points of a result that is only tight, over those of its changes.
  std::int64_t tight_regret = 0;
  std::vector<std::string> finer_to_coarser;  ///< The quantizations that the ladder steps over.

  std::vector<AdviceRule> rules;
  std::vector<std::string> tasks;  ///< That --task knows.
  /// What else they are called, and what else wants the same: "reasoning" for "code".
  std::map<std::string, std::string, std::less<>> task_names;
  std::vector<PreferredQuantizations> preferred;
  std::vector<QuantizationGroup> groups;
  std::int64_t wanted_context = 0;    ///< Tokens a recommendation tries to give.
  std::int64_t least_context = 0;     ///< Below this no context is called usable.
  std::int64_t dear_below = 0;        ///< Largest F16 contexts below this call for a q8_0 cache.
  std::int64_t experts_ubatch = 0;    ///< For models with experts, where it stays comfortable.
  std::int64_t most_rope_factor = 1;  ///< How far beyond its training a context may be stretched.

  /// The rule of that id; nullptr when there is none.
  [[nodiscard]] const AdviceRule* rule(std::string_view id) const;
  /// The cost of a change to `to`; every lever has one.
  [[nodiscard]] const LeverCost& cost(Lever lever, std::string_view to) const;
};

/// By the name of the setting in JSON: "cache_type".
[[nodiscard]] std::string_view to_string(Lever lever);

}  // namespace membudget
#pragma GCC visibility pop
