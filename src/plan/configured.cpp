// SPDX-License-Identifier: MIT
#include <algorithm>

#include "membudget/plan.hpp"
#include "plan/configured_mlx.hpp"
#include "plan/ollama.hpp"

namespace membudget {

Workload configured(const Workload& workload, const Runtime& runtime, const Model& model,
                    const Budget& budget) {
  if (runtime.engine == Engine::mlx) {
    return configured_mlx(workload, runtime, model, budget);
  }
  if (runtime.ollama) {
    return ollama::configured(workload, runtime, model, budget);
  }
  Workload out = workload;
  // A default of so many tokens (LM Studio) is no more than the model was trained for.
  if (runtime.engine == Engine::llama_cpp && !workload.context && model.default_context == 0 &&
      runtime.defaults.context > 0 && model.trained_context > 0) {
    out.context = std::min(runtime.defaults.context, model.trained_context);
  }
  return out;
}

}  // namespace membudget
