// SPDX-License-Identifier: MIT
// OLMo 1: layer norms without weights, and projections that may be limited
// (llama.cpp b10587, src/models/olmo.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_layer_norm(metadata, model);
  const bool clamped = metadata.real("attention.clamp_kqv", 0) > 0;
  for (Layer& layer : model.layers) {
    layer.unweighted_norms = true;
    std::get<Attention>(layer.mixer).clamped = clamped;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.norms = {}, .output_norm = false});
}

}  // namespace

const Architecture olmo{"olmo", describe, tensors};

}  // namespace membudget::arch
