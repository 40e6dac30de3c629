// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "engine/candle/candle.hpp"
#include "engine/coreml/coreml.hpp"
#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/parts.hpp"
#include "engine/llamacpp/simulate.hpp"
#include "engine/mlc/mlc.hpp"
#include "engine/mlx/mlx.hpp"
#include "membudget/error.hpp"
#include "membudget/footprint.hpp"

namespace membudget {
namespace {

// The draft's context takes the model's options, except for those that have a twin of their own
// (-ctkd, -ngld, -otd, ...), and one row of logits per slot. It is as long as the model's context
// after padding (common/speculative.cpp, common_base_params_to_speculative; b10587).
Settings settings_of_draft(const Settings& settings, const Model& model, const Runtime& runtime) {
  Settings result = settings;
  result.context = llamacpp::geometry(settings, model).context;
  result.gpu_layers = runtime.defaults.gpu_layers;
  result.cpu_moe = runtime.defaults.cpu_moe;
  result.n_cpu_moe = runtime.defaults.n_cpu_moe;
  result.tensor_overrides = runtime.defaults.tensor_overrides;
  result.cache_type_k = settings.draft_cache_type_k;
  result.cache_type_v = settings.draft_cache_type_v;
  result.embeddings = false;
  result.pooling = Pooling::none;
  result.outputs = settings.parallel;
  // What is attached to the model stays with it.
  result.rollback = 0;
  result.adapters.clear();
  result.control_vector = nullptr;
  result.projector = nullptr;
  result.prompt_cache_mib = 0;
  result.checkpoints = 0;
  return result;
}

/// llama.cpp reads GGUF only, and its types have a number there.
void refuse_mlx(const Model& model) {
  for (const Tensor& tensor : model.tensors.all()) {
    if (format_of(tensor.type).ggml_id < 0) {
      throw Error(Errc::bad_request, "--quant",
                  fmt::format("'{}' is a quantization of MLX, which llama.cpp cannot read; use one "
                              "of GGUF such as Q4_K_M",
                              model.quantization));
    }
  }
}

Footprint footprint_of_draft(const Model& draft, const Runtime& runtime, const Settings& settings) {
  try {
    return llamacpp::simulate(draft, runtime, settings);
  } catch (const Error& error) {
    throw Error(error.code(), "--draft", fmt::format("{}: {}", draft.id, error.what()));
  }
}

}  // namespace

Footprint estimate(const Model& model, const Runtime& runtime, const Workload& workload) {
  const Settings settings = resolve(workload, runtime, model);
  switch (runtime.engine) {
    case Engine::llama_cpp: break;
    case Engine::mlx: return mlx::footprint(model, runtime, settings);
    case Engine::candle: return candle::footprint(model, runtime, settings);
    case Engine::mlc: return mlc::footprint(model, runtime, settings);
    case Engine::coreml: return coreml::footprint(model, runtime, settings);
  }
  refuse_mlx(model);
  Footprint result = llamacpp::simulate(model, runtime, settings);
  if (workload.draft != nullptr) {
    const Model& draft = *workload.draft;
    llamacpp::add_as_draft(
        result, fmt::format("{} {}", draft.id, draft.quantization),
        footprint_of_draft(draft, runtime, settings_of_draft(settings, model, runtime)));
  }
  return result;
}

}  // namespace membudget
