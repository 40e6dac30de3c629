// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/budget.hpp"
#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

namespace membudget {

/// What MLX, and LM Studio around it, choose by looking at the machine: the size of command
/// buffers by the chip, the longest context by the working set.
[[nodiscard]] Workload configured_mlx(Workload workload, const Runtime& runtime, const Model& model,
                                      const Budget& budget);

}  // namespace membudget
