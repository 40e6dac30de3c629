// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "plan_options.hpp"

/// What to run instead of a model, or how to run it differently.
struct Substitute {
  std::vector<membudget::Change> changes;
  membudget::Plan plan;
  double generation_tps =
      0;                  ///< Predicted, times what the present model reached of its own; 0: none.
  bool fallback = false;  ///< The user's own choice, --fallback.
};

struct Substitutes {
  std::vector<Substitute> options;  ///< Best first.
  std::vector<std::string> notes;   ///< What was learnt about the machine, or why there is none.
};

/// For a downgrade: steps of the ladder that bring the memory below its limit, or the largest
/// models that are fast enough. For an upgrade: what there is room for, and fast enough. What
/// other programs hold is taken from the measured memory. `fallback` may be empty.
[[nodiscard]] Substitutes substitutes_for(const membudget::PlanInputs& inputs,
                                          const membudget::HealthReading& reading,
                                          const membudget::HealthMeasurements& measured,
                                          membudget::HealthAdvice advice,
                                          const std::string& fallback, const PlanOptions& options);
