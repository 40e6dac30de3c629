// SPDX-License-Identifier: MIT
// DBRX: layer norms, limited projections; the norm before the experts is called attn_output_norm
// (llama.cpp b10587, src/models/dbrx.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.norm = NormKind::layer;
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  const bool clamped = metadata.real("attention.clamp_kqv", 0) > 0;
  for (Layer& layer : model.layers) {
    layer.norm = NormKind::layer;
    std::get<Attention>(layer.mixer).clamped = clamped;
    experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe,
                         {.norms = {"attn_norm", "attn_output_norm"}, .fused_qkv = true});
}

}  // namespace

const Architecture dbrx{"dbrx", describe, tensors};

}  // namespace membudget::arch
