// SPDX-License-Identifier: MIT
#include <algorithm>

#include "engine/mlc/estimate.hpp"
#include "membudget/plan.hpp"
#include "plan/configured_mlx.hpp"
#include "plan/fit.hpp"
#include "plan/ollama.hpp"

namespace membudget {
namespace {

/// MLC-LLM's cache by the room that is left; where there is none, what it would take with more.
std::int64_t tokens_of_mlc(const Workload& workload, const Runtime& runtime, const Model& model,
                           const Budget& budget) {
  const Settings settings = resolve(workload, runtime, model);
  const mlc::Terms terms = mlc::terms(model, runtime, settings);
  const std::int64_t tokens =
      mlc::inferred_tokens(terms, model, runtime, settings.parallel, budget.gpu_limit);
  if (tokens > 0) {
    return tokens;
  }
  const Bytes plenty = terms.fixed() * 4 + terms.cache(runtime.mlc.metal_tokens) * 4;
  return mlc::inferred_tokens(terms, model, runtime, settings.parallel, plenty);
}

/// A default of so many tokens (LM Studio) is no more than the model was trained for.
bool is_shortened(const Workload& workload, const Runtime& runtime, const Model& model) {
  return runtime.engine == Engine::llama_cpp && !workload.context && model.default_context == 0 &&
         runtime.defaults.context > 0 && model.trained_context > 0;
}

}  // namespace

Workload configured(const Workload& workload, const Runtime& runtime, const Model& model,
                    const Budget& budget) {
  if (runtime.engine == Engine::mlx) {
    return configured_mlx(workload, runtime, model, budget);
  }
  if (runtime.ollama) {
    return ollama::configured(workload, runtime, model, budget);
  }
  Workload out = workload;
  if (runtime.engine == Engine::mlc && !workload.context) {
    out.context = tokens_of_mlc(workload, runtime, model, budget);
  } else if (is_shortened(workload, runtime, model)) {
    out.context = std::min(runtime.defaults.context, model.trained_context);
  } else if (const auto tokens = fitted_context(workload, runtime, model, budget)) {
    out.context = tokens;
  }
  return out;
}

}  // namespace membudget
