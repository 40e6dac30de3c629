// SPDX-License-Identifier: MIT
// Jamba: Mamba 1 with a few attention layers between, some feed-forwards are experts
// (llama.cpp b10587, src/models/jamba.cpp).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  replace_attention(model, read_mamba(metadata, 1));
  drop_rope(model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.mixer_residual_first = true;
    layer.residual_first = true;
    // The presence of a router decides.
    const auto index = static_cast<std::int64_t>(i);
    if (const Tensor* router = model.tensors.find(index, "ffn_gate_inp.weight"); router != nullptr) {
      layer.feed_forward =
          Experts{.count = model.experts,
                  .used = model.experts_used,
                  .width = std::get<DenseFeedForward>(layer.feed_forward).width};
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  const Mamba mamba = read_mamba(metadata, 1);
  const std::int64_t experts = metadata.integer("expert_count", 0);
  list.embedding_and_head();
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const auto at = static_cast<std::size_t>(i);
    list.norm(i, "attn_norm", d.embedding);
    if (d.kv_heads[at] == 0) {
      add_mamba(list, i, mamba);
    } else {
      list.attention(i);
    }
    list.norm(i, "ffn_norm", d.embedding);
    // Every second layer of a mixture (expert_layer_period 2, offset 1, in all that exist).
    if (experts > 0 && i % 2 == 1) {
      list.add(i, "ffn_gate_inp.weight", {d.embedding, experts});
      list.add(i, "ffn_gate_exps.weight", {d.embedding, d.width[at], experts});
      list.add(i, "ffn_up_exps.weight", {d.embedding, d.width[at], experts});
      list.add(i, "ffn_down_exps.weight", {d.width[at], d.embedding, experts});
    } else {
      list.feed_forward(i);
    }
  }
  return list.take();
}

}  // namespace

const Architecture jamba{"jamba", describe, tensors};

}  // namespace membudget::arch
