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
#include "membudget/ollama.hpp"

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

/// Who stores weights in a type that ggml has not.
std::string_view writer_of(ElementType type) {
  switch (type) {
    case ElementType::int4_g32:
    case ElementType::int4_g32_f32:
    case ElementType::int3_g40:
      return "MLC-LLM or Core ML";
    default:
      return "MLX";
  }
}

/// llama.cpp reads GGUF only, and its types have a number there.
void refuse_other_formats(const Model& model) {
  for (const Tensor& tensor : model.tensors.all()) {
    if (format_of(tensor.type).ggml_id < 0) {
      throw Error(Errc::bad_request, "--quant",
                  fmt::format("'{}' is a quantization of {}, which llama.cpp cannot read; use one "
                              "of GGUF such as Q4_K_M",
                              model.quantization, writer_of(tensor.type)));
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

/// Ollama loads the vision tower of some models from their own file. The buffers that it computes
/// in are llama.cpp's mtmd's, which nobody here counts: the part is only assumed.
void add_tower(Footprint& whole, const Model& model, const OllamaRules& rules) {
  const Place where = whole.settings.backend == Backend::metal && whole.settings.gpu_layers != 0
                          ? Place::gpu
                          : Place::host;
  if (const Bytes projector = ollama_projector(model, rules); projector > Bytes{}) {
    whole.parts.push_back(
        {.name = PartName::projector,
         .where = where,
         .bytes = projector,
         .basis = Basis::assumed,
         .note = "weights of the vision tower; what it computes in comes on top",
         .formula = fmt::format("{} of the file's other tensors", to_text(projector))});
  }
}

}  // namespace

Footprint estimate(const Model& model, const Runtime& runtime, const Workload& workload) {
  const Settings settings = resolve(workload, runtime, model);
  if (workload.draft != nullptr && runtime.engine != Engine::llama_cpp) {
    throw Error(Errc::bad_request, "--draft",
                fmt::format("drafting is planned for llama.cpp only, not for {}", runtime.id));
  }
  switch (runtime.engine) {
    case Engine::llama_cpp:
      break;
    case Engine::mlx:
      return mlx::footprint(model, runtime, settings);
    case Engine::candle:
      return candle::footprint(model, runtime, settings);
    case Engine::mlc:
      return mlc::footprint(model, runtime, settings);
    case Engine::coreml:
      return coreml::footprint(model, runtime, settings);
  }
  refuse_other_formats(model);
  Footprint result = llamacpp::simulate(model, runtime, settings);
  if (runtime.ollama && settings.projector == nullptr) {
    add_tower(result, model, *runtime.ollama);
  }
  if (workload.draft != nullptr) {
    const Model& draft = *workload.draft;
    llamacpp::add_as_draft(
        result, fmt::format("{} {}", draft.id, draft.quantization),
        footprint_of_draft(draft, runtime, settings_of_draft(settings, model, runtime)));
  }
  return result;
}

}  // namespace membudget
