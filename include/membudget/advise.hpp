// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "membudget/plan.hpp"

namespace membudget {

/// The largest context, in tokens, for which plan() still fits: the engine's padding step is
/// respected, and one more step does not fit. 0 when not even the smallest context fits.
/// Never more than the trained context (times the slots, where each has its own cache).
[[nodiscard]] std::int64_t max_context(const Model& model, const Machine& machine,
                                       const Runtime& runtime, const Workload& workload);

/// max_context() for one cache type used for both K and V.
struct ContextByCacheType {
  ElementType type = ElementType::f16;
  std::int64_t tokens = 0;  ///< 0 also when the engine refuses this type for the model.
};

/// For f16, q8_0 and q4_0, in this order, everything else as in `workload`.
[[nodiscard]] std::vector<ContextByCacheType> max_context_by_cache_type(const Model& model,
                                                                        const Machine& machine,
                                                                        const Runtime& runtime,
                                                                        const Workload& workload);

}  // namespace membudget
