// SPDX-License-Identifier: MIT
// Granite 4 hybrid: Mamba 2 with a few attention layers between, dense or with experts
// (llama.cpp b10587, src/models/granite-hybrid.cpp).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = metadata.real("embedding_scale", 0) != 0;
  model.logits_scaled = metadata.real("logit_scale", 0) != 0;
  const bool residual_scaled = metadata.real("residual_scale", 0) != 0;
  const std::int64_t shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  replace_attention(model, read_mamba(metadata, 2));
  if (!metadata.boolean("rope.scaling.finetuned", true)) {
    drop_rope(model);
  }
  for (Layer& layer : model.layers) {
    layer.residual_scaled = residual_scaled;
    if (model.experts > 0) {
      layer.feed_forward =
          Experts{.count = model.experts,
                  .used = model.experts_used,
                  .width = std::get<DenseFeedForward>(layer.feed_forward).width,
                  .shared_width = shared_width,
                  .normalised = true};
    }
  }
}

void add_feed_forward(TensorList& list, std::int64_t layer, std::int64_t experts,
                      std::int64_t shared_width) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t width = list.dimensions().width[static_cast<std::size_t>(layer)];
  if (experts == 0) {
    list.feed_forward(layer);
    return;
  }
  list.add(layer, "ffn_gate_inp.weight", {embedding, experts});
  list.add(layer, "ffn_gate_exps.weight", {embedding, width, experts});
  list.add(layer, "ffn_up_exps.weight", {embedding, width, experts});
  list.add(layer, "ffn_down_exps.weight", {width, embedding, experts});
  if (shared_width > 0) {
    list.add(layer, "ffn_gate_shexp.weight", {embedding, shared_width});
    list.add(layer, "ffn_up_shexp.weight", {embedding, shared_width});
    list.add(layer, "ffn_down_shexp.weight", {shared_width, embedding});
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  const Mamba mamba = read_mamba(metadata, 2);
  const std::int64_t experts = metadata.integer("expert_count", 0);
  const std::int64_t shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  list.embedding_and_head();
  for (std::int64_t i = 0; i < d.layers; ++i) {
    list.norm(i, "attn_norm", d.embedding);
    if (d.kv_heads[static_cast<std::size_t>(i)] == 0) {
      add_mamba(list, i, mamba);
    } else {
      list.attention(i);
    }
    list.norm(i, "ffn_norm", d.embedding);
    add_feed_forward(list, i, experts, shared_width);
  }
  return list.take();
}

}  // namespace

const Architecture granitehybrid{"granitehybrid", describe, tensors};

}  // namespace membudget::arch
