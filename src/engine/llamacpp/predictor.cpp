// SPDX-License-Identifier: MIT
#include "engine/llamacpp/predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>
#include <vector>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"

namespace membudget::llamacpp {
namespace {

bool attends(const Layer& layer) {
  return std::holds_alternative<Attention>(layer.mixer) ||
         std::holds_alternative<LatentAttention>(layer.mixer);
}

}  // namespace

Model predictor_of(const Model& model) {
  Model result = model;
  const auto trunk = static_cast<std::int64_t>(model.layers.size());
  const auto last = std::find_if(model.layers.rbegin(), model.layers.rend(), attends);
  result.layers.assign(1, last == model.layers.rend() ? model.layers.back() : *last);
  if (auto* attention = std::get_if<Attention>(&result.layers.front().mixer)) {
    attention->window = 0;  // blocks for drafting never slide
  }
  result.draft_layers = 0;
  result.companions.clear();
  std::vector<Tensor> tensors;
  for (const Tensor& tensor : model.tensors.all()) {
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (layer >= 0 && layer != trunk) {
      continue;
    }
    tensors.push_back(tensor);
    if (layer == trunk) {
      tensors.back().name = fmt::format("blk.0.{}", TensorTable::suffix_of(tensor.name));
    }
  }
  result.tensors = TensorTable(std::move(tensors));
  return result;
}

Settings predictor_settings(const Model& model, const Settings& settings) {
  Settings result = settings;
  result.context = geometry(settings, model).context;
  result.cache_type_k = settings.draft_cache_type_k;
  result.cache_type_v = settings.draft_cache_type_v;
  result.outputs = settings.parallel;
  result.embeddings = false;
  result.pooling = Pooling::none;
  result.predict = false;
  result.rollback = 0;
  result.adapters.clear();
  result.control_vector = nullptr;
  result.projector = nullptr;
  result.prompt_cache_mib = 0;
  result.checkpoints = 0;
  // It is the last layer of the file, so it is the first to be offloaded after the output.
  result.gpu_layers = settings.gpu_layers < 0 ? -1 : std::min<std::int64_t>(settings.gpu_layers, 2);
  return result;
}

bool predictor_graph_known(const Model& model) {
  return model.architecture == "qwen35" || model.architecture == "qwen35moe";
}

Footprint predictor_bound(const Model& model, const Settings& settings, const Footprint& whole) {
  const Model predictor = predictor_of(model);
  const Settings own = predictor_settings(model, settings);
  Footprint result;
  result.settings = own;
  if (attends(predictor.layers.front())) {
    const Placement placement = place_weights(predictor, own);
    for (const KvCache& cache : kv_caches(predictor, own, geometry(own, predictor), placement, {},
                                          whole.flash_attention)) {
      result.gpu.kv += cache.gpu * model.draft_layers;
      result.host.kv += cache.host * model.draft_layers;
    }
  }
  result.gpu.compute = whole.gpu.compute;
  result.host.compute = whole.host.compute;
  const auto add = [&](PartName name, Place where, Bytes bytes) {
    if (bytes > Bytes{}) {
      result.parts.push_back({.name = name,
                              .where = where,
                              .bytes = bytes,
                              .basis = Basis::assumed,
                              .note = {},
                              .formula = "as the model's own context"});
    }
  };
  add(PartName::kv_cache, Place::gpu, result.gpu.kv);
  add(PartName::kv_cache, Place::host, result.host.kv);
  add(PartName::compute, Place::gpu, result.gpu.compute);
  add(PartName::compute, Place::host, result.host.compute);
  add(PartName::output, Place::host,
      Bytes{4} * (model.vocabulary + model.embedding) * own.parallel);
  return result;
}

}  // namespace membudget::llamacpp
