// SPDX-License-Identifier: MIT
// Hunyuan A13B: queries and keys are normalised after the rotation, and one shared expert is
// always used (llama.cpp b10587, src/models/hunyuan-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).norm_after_rope = true;
    experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
    experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
    if (experts.shared_width == 0) {
      experts.shared_width = experts.width;
    }
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe,
                         {.query_key_norm = QueryKeyNorm::per_head});
}

}  // namespace

const Architecture hunyuan_moe{"hunyuan-moe", describe, tensors};

}  // namespace membudget::arch
