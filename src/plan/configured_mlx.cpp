// SPDX-License-Identifier: MIT
#include "plan/configured_mlx.hpp"

#include "engine/mlx/mlx.hpp"

namespace membudget {

Workload configured_mlx(Workload workload, const Runtime& runtime, const Model& model,
                        const Budget& budget) {
  if (!workload.buffer_ops) {
    workload.buffer_ops = budget.large_gpu ? runtime.mlx.buffer_ops : runtime.mlx.base_buffer_ops;
  }
  if (runtime.mlx.context_fit && !workload.context_limit && model.trained_context > 0) {
    workload.context_limit = mlx::fitted_context(model, runtime.mlx, budget.gpu_limit);
  }
  return workload;
}

}  // namespace membudget
