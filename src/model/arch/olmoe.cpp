// SPDX-License-Identifier: MIT
// OLMoE: queries and keys are normalised over all heads at once
// (llama.cpp b10587, src/models/olmoe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).norm_across_heads = true;
    layer.feed_forward = read_experts(metadata);
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe,
                         {.query_key_norm = QueryKeyNorm::across_heads});
}

}  // namespace

const Architecture olmoe{"olmoe", describe, tensors};

}  // namespace membudget::arch
