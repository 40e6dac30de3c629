// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "membudget/advice_rules.hpp"
#include "membudget/plan.hpp"
#include "membudget/quality_table.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// The largest context, in tokens, for which plan() still leaves `headroom`: the engine's padding
/// step is respected, and one more step does not fit. 0 when not even the smallest context fits.
/// Never more than the trained context (times the slots, where each has its own cache), or
/// `stretched` times that.
[[nodiscard]] std::int64_t max_context(const Model& model, const Machine& machine,
                                       const Runtime& runtime, const Workload& workload,
                                       Bytes headroom = {}, std::int64_t stretched = 1);

/// max_context() for one cache type used for both K and V.
struct ContextByCacheType {
  ElementType type = ElementType::f16;
  std::int64_t tokens = 0;  ///< 0 also when the engine refuses this type, ...
  std::string refusal{};    ///< ... for this reason: "the engine needs flash attention for ..."
};

/// For f16, q8_0 and q4_0, in this order, everything else as in `workload`. With MLX these stand
/// for --kv-bits 0, 8 and 4.
[[nodiscard]] std::vector<ContextByCacheType> max_context_by_cache_type(const Model& model,
                                                                        const Machine& machine,
                                                                        const Runtime& runtime,
                                                                        const Workload& workload,
                                                                        Bytes headroom = {});

/// Another model that could be planned instead: the same at another quantization, or a smaller or
/// larger one of its family. It is read only when its weights can be small enough.
struct Alternative {
  Lever lever = Lever::quantization;  ///< Or Lever::model.
  std::string name;                   ///< "Q3_K_M", "qwen2.5-coder-14b"
  double bits = 0;                    ///< Per weight of most tensors.
  Bytes at_least;                     ///< Its weights take no less.
  std::function<std::shared_ptr<const Model>()> read;
};

/// One setting that differs.
struct Change {
  Lever lever = Lever::context;
  std::string from;  ///< As options spell it: "f16".
  std::string to;
  /// What it takes off the limit that binds, after the changes before it; those of a step sum to
  /// Step::saves().
  Bytes saves;
};

/// A way to plan the model differently: one change, or several together.
struct Step {
  std::vector<Change> changes;
  std::shared_ptr<const Model> model;  ///< Instead of the one planned; nullptr: the same.
  Workload workload;
  std::int64_t wired_limit_mib = 0;
  Plan plan;
  /// The plan asked for less this one, to the byte; negative where it takes more.
  Bytes saves_gpu;
  Bytes saves_total;
  /// Points: those of the changes (LeverCost), and AdviceRules::tight_regret where it is tight.
  std::int64_t regret = 0;
  std::vector<std::string> speed_costs;    ///< In words, one per change that has any.
  std::vector<std::string> quality_costs;  ///< The same, with published figures.
  std::vector<std::string> sources;        ///< Of the costs and the points.

  /// saves_gpu or saves_total, by what binds in the plan asked for.
  [[nodiscard]] Bytes saves(Binding binding) const {
    return binding == Binding::gpu ? saves_gpu : saves_total;
  }
};

/// What to change.
struct Ladder {
  Plan asked;
  /// For a plan that is not comfortable: steps that reach a better verdict by least regret, single
  /// ones and combinations, then single ones that only help, by least regret.
  std::vector<Step> steps;
  /// For a comfortable plan: what else stays comfortable.
  std::vector<Step> affordable;
};

/// Climbs down from a plan that does not fit comfortably, or up from one that does. A combination
/// stands in the list only when no part of it reaches the same verdict.
/// `alternatives` are in any order; those that cannot fit are not read.
[[nodiscard]] Ladder ladder(const Model& model, const Machine& machine, const Runtime& runtime,
                            const Workload& workload, const AdviceRules& rules,
                            const QualityTable& quality, std::span<const Alternative> alternatives);

/// What a recommendation looked at, in the order of preference.
struct Considered {
  std::string quantization;
  ElementType cache_type = ElementType::f16;
  std::int64_t context = 0;
  std::optional<Verdict>
      verdict;          ///< Nothing: not planned, because the weights alone are too large.
  std::string why_not;  ///< Empty for the one that was taken.
};

/// The best way to run a model on a machine.
struct Recommendation {
  std::shared_ptr<const Model> model;  ///< At its quantization; nullptr: nothing runs.
  Workload workload;
  Plan plan;
  std::vector<Considered> considered;  ///< The last one was taken, unless `model` is empty.
  std::vector<AdviceRule> rules;       ///< Those that decided.
  std::int64_t largest_context = 0;    ///< With these settings and this verdict.
};

/// The first quantization, cache type and context, in the order that the rules prefer, that fits
/// comfortably; else the first that fits; else with experts or layers on the CPU. A context, a
/// batch or a cache type in `workload` is kept. `task` may be empty.
[[nodiscard]] Recommendation recommend(const Machine& machine, const Runtime& runtime,
                                       const Workload& workload, const AdviceRules& rules,
                                       std::string_view task,
                                       std::span<const Alternative> quantizations);

}  // namespace membudget
#pragma GCC visibility pop
