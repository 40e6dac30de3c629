// SPDX-License-Identifier: MIT
// Hunyuan, whose queries and keys are normalised after the rotation: the dense models, and A13B
// with one shared expert that is always used (llama.cpp b10587, src/models/hunyuan-dense.cpp, whose
// graph is that of hunyuan-vl.cpp, and hunyuan-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe_dense(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).norm_after_rope = true;
  }
}

void describe_moe(const Metadata& metadata, Model& model) {
  describe_dense(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
    experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
    if (experts.shared_width == 0) {
      experts.shared_width = experts.width;
    }
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> dense_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.query_key_norm = QueryKeyNorm::per_head});
}

std::vector<TensorShape> moe_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_moe,
                         {.query_key_norm = QueryKeyNorm::per_head});
}

}  // namespace

const Architecture hunyuan_dense{"hunyuan-dense", describe_dense, dense_tensors};
const Architecture hunyuan_moe{"hunyuan-moe", describe_moe, moe_tensors};

}  // namespace membudget::arch
