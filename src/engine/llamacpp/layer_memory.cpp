// SPDX-License-Identifier: MIT
#include "engine/llamacpp/layer_memory.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"
#include "engine/llamacpp/recurrent_state.hpp"

namespace membudget::llamacpp {
namespace {

Bytes size_of(const Range& range) {
  return Bytes{range.end - range.begin};
}

void add_weights(const Model& model, const Placement& placement, LayeredMemory& out) {
  constexpr std::int64_t alignment = 32;
  const std::span<const Tensor> tensors = model.tensors.all();
  const auto loaded = static_cast<std::int64_t>(model.layers.size());
  bool output_of_its_own = false;
  Bytes embedding;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i];
    const Bytes size{round_up(tensor.size().count(), alignment)};
    std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (model.embedding_norm && tensor.name.starts_with("token_embd_norm.")) {
      layer = 0;  // Done on the first layer (llama-arch.cpp, LLM_TENSOR_INFOS).
    }
    if (layer >= loaded) {
      continue;  // A block for drafting, which is not loaded.
    }
    output_of_its_own = output_of_its_own || tensor.name == "output.weight";
    if (tensor.name == "token_embd.weight") {
      embedding = size;
    }
    if (placement.shared_by_layers[i]) {
      out.tables += size;
    } else if (placement.storage[i] != Storage::gpu) {
      out.input += size;
    } else if (layer >= 0) {
      out.layers[static_cast<std::size_t>(layer)].weights += size;
    } else {
      out.output += size;
    }
  }
  if (model.output_layer && !output_of_its_own) {
    out.output += embedding;
  }
}

}  // namespace

LayeredMemory layer_memory(const Model& model, const LlamaCppRules& rules, const Settings& settings,
                           bool flash) {
  const Geometry shape = geometry(settings, model);
  const Placement placement = place_weights(model, settings);
  LayeredMemory out;
  out.layers.resize(model.layers.size() + static_cast<std::size_t>(model.draft_layers));
  add_weights(model, placement, out);
  for (const KvCache& cache : kv_caches(model, settings, shape, placement, rules, flash)) {
    for (std::size_t i = 0; i < cache.layers.size(); ++i) {
      const CacheLayer& layer = cache.layers[i];
      if (layer.present) {
        out.layers[i].cache += size_of(layer.keys) + size_of(layer.values);
        out.layers[i].state += size_of(layer.state_values) + size_of(layer.state_scores);
      }
    }
  }
  const RecurrentState state = recurrent_state(model, shape, placement, settings);
  for (std::size_t i = 0; i < state.layers.size(); ++i) {
    if (state.layers[i].present) {
      out.layers[i].state += size_of(state.layers[i].tail) + size_of(state.layers[i].matrix);
    }
  }
  return out;
}

}  // namespace membudget::llamacpp
