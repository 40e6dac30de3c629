// SPDX-License-Identifier: MIT
#include "membudget/plan.hpp"
#include "plan/configured_mlx.hpp"

namespace membudget {

Workload configured(const Workload& workload, const Runtime& runtime, const Model& model,
                    const Budget& budget) {
  if (runtime.engine == Engine::mlx) {
    return configured_mlx(workload, runtime, model, budget);
  }
  return workload;
}

}  // namespace membudget
