// SPDX-License-Identifier: MIT
// MiniMax M2: queries and keys are normalised over all heads at once
// (llama.cpp b10587, src/models/minimax-m2.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.routing = stated_routing(metadata, Routing::sigmoid);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).norm_across_heads = true;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe,
                         {.query_key_norm = QueryKeyNorm::across_heads}, {"exp_probs_b.bias"});
}

}  // namespace

const Architecture minimax_m2{"minimax-m2", describe, tensors};

}  // namespace membudget::arch
