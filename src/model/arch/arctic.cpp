// SPDX-License-Identifier: MIT
// Arctic: a dense feed-forward after attention, and experts beside the whole block
// (llama.cpp b10587, src/models/arctic.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    auto& dense = std::get<DenseFeedForward>(layer.feed_forward);
    experts.width = dense.width;
    layer.feed_forward_beside = experts;
    dense.width = model.embedding;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe,
                         {.norms = {"attn_norm", "ffn_norm", "ffn_norm_exps"}});
}

}  // namespace

const Architecture arctic{"arctic", describe, tensors};

}  // namespace membudget::arch
