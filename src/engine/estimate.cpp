// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "engine/candle/candle.hpp"
#include "engine/coreml/coreml.hpp"
#include "engine/llamacpp/geometry.hpp"
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
  result.cache_type_k = runtime.defaults.cache_type_k;
  result.cache_type_v = runtime.defaults.cache_type_v;
  result.gpu_layers = runtime.defaults.gpu_layers;
  result.cpu_moe = runtime.defaults.cpu_moe;
  result.n_cpu_moe = runtime.defaults.n_cpu_moe;
  result.tensor_overrides = runtime.defaults.tensor_overrides;
  result.embeddings = false;
  result.pooling = Pooling::none;
  result.outputs = settings.parallel;
  return result;
}

/// Who stores weights in a type that ggml has not.
std::string_view writer_of(ElementType type) {
  switch (type) {
    case ElementType::int4_g32:
    case ElementType::int4_g32_f32:
    case ElementType::int3_g40: return "MLC-LLM or Core ML";
    default: return "MLX";
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

/// All of the draft in one place as one part of the whole.
void add_draft(Footprint& whole, const Model& draft, const Footprint& footprint) {
  for (const Place where : {Place::gpu, Place::host}) {
    Part part{.name = PartName::draft, .where = where, .bytes = footprint.total(where),
              .basis = footprint.assumed() ? Basis::assumed : Basis::formula,
              .note = {}, .formula = {}};
    for (const Part& own : footprint.parts) {
      if (own.where == where) {
        part.note += fmt::format("{}{} {}", part.note.empty() ? "" : ", ", to_string(own.name),
                                 to_text(own.bytes));
        part.formula += fmt::format("{}{}: {}", part.formula.empty() ? "" : "; ",
                                    to_string(own.name), own.formula);
      }
    }
    part.note = fmt::format("{} {}: {}", draft.id, draft.quantization, part.note);
    if (part.bytes > Bytes{}) {
      whole.parts.push_back(std::move(part));
    }
  }
}

/// Ollama loads what comes with a model without being told to. The buffers that a vision tower
/// computes in are llama.cpp's mtmd's, which nobody here counts: its part is only assumed.
void add_companions(Footprint& whole, const Model& model, const OllamaRules& rules) {
  const Place where = whole.settings.backend == Backend::metal && whole.settings.gpu_layers != 0
                          ? Place::gpu
                          : Place::host;
  if (const Bytes projector = ollama_projector(model, rules); projector > Bytes{}) {
    whole.parts.push_back(
        {.name = PartName::projector, .where = where, .bytes = projector, .basis = Basis::assumed,
         .note = "weights of the vision tower; what it computes in comes on top",
         .formula = fmt::format("{} of the file's other tensors", to_text(projector))});
  }
  Bytes adapters;
  for (const Companion& companion : model.companions) {
    if (companion.kind == Companion::Kind::adapter) {
      adapters += companion.weights;
    }
  }
  if (adapters > Bytes{}) {
    whole.parts.push_back({.name = PartName::adapter, .where = where, .bytes = adapters,
                           .basis = Basis::file, .note = "comes with the model",
                           .formula = "weights of the adapter's file"});
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
    case Engine::llama_cpp: break;
    case Engine::mlx: return mlx::footprint(model, runtime, settings);
    case Engine::candle: return candle::footprint(model, runtime, settings);
    case Engine::mlc: return mlc::footprint(model, runtime, settings);
    case Engine::coreml: return coreml::footprint(model, runtime, settings);
  }
  refuse_other_formats(model);
  Footprint result = llamacpp::simulate(model, runtime, settings);
  if (runtime.ollama) {
    add_companions(result, model, *runtime.ollama);
  }
  if (workload.draft != nullptr) {
    const Model& draft = *workload.draft;
    add_draft(result, draft,
              footprint_of_draft(draft, runtime, settings_of_draft(settings, model, runtime)));
  }
  return result;
}

}  // namespace membudget
