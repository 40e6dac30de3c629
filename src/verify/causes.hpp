// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "membudget/verify.hpp"

namespace membudget::logs {

/// llama-server reserves outputs for its slots only since this build (pull request 23861, June
/// 2026).
inline constexpr std::int64_t limited_outputs_from = 9460;

/// A load with its plan by the rules of the nearest known build.
struct PlannedLoad {
  const EngineLoad& load;
  const Model& model;
  const Runtime& runtime;
  const Workload& workload;
  const Footprint& footprint;
  std::int64_t build = 0;  ///< Whose differences from those rules are asked for.
};

/// What a cause does to one part.
struct Effect {
  KnownCause cause;
  Bytes spread;  ///< So much more may come on top, by what the log does not say.
};

/// First builds of which some part is what it is since then; ascending.
[[nodiscard]] std::span<const std::int64_t> build_steps();

/// What was different in `run.build` and follows from the settings: it always applies.
[[nodiscard]] std::vector<Effect> counted_causes(const PlannedLoad& run, ComparedName name,
                                                 std::optional<Place> where);

/// What may be different in this file or with these settings, with its bytes: tried where a part
/// does not agree, most likely first.
[[nodiscard]] std::vector<Effect> possible_causes(const PlannedLoad& run, ComparedName name,
                                                  std::optional<Place> where);

/// What makes it another graph or file, so that nothing can be counted.
[[nodiscard]] std::vector<Effect> uncounted_causes(const PlannedLoad& run, ComparedName name,
                                                   std::optional<Place> where);

}  // namespace membudget::logs
