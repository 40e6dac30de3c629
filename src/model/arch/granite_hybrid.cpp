// SPDX-License-Identifier: MIT
// Granite 4 hybrid: Mamba 2 with a few attention layers between, dense or with experts
// (llama.cpp b10587, src/models/granite-hybrid.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = metadata.real("embedding_scale", 0) != 0;
  model.logits_scaled = metadata.real("logit_scale", 0) != 0;
  const bool residual_scaled = metadata.real("residual_scale", 0) != 0;
  replace_attention(model, read_mamba(metadata, 2));
  if (!metadata.boolean("rope.scaling.finetuned", true)) {
    drop_rope(model);
  }
  for (Layer& layer : model.layers) {
    layer.residual_scaled = residual_scaled;
    if (model.experts > 0) {
      Experts experts = read_experts(metadata);
      experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
      experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
      experts.normalised = true;
      layer.feed_forward = experts;
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe, {}, {"ssm_norm.weight"});
}

}  // namespace

const Architecture granitehybrid{"granitehybrid", describe, tensors};

}  // namespace membudget::arch
