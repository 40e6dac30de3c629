// SPDX-License-Identifier: MIT
// Command R, Aya and Command R7B: attention and feed-forward side by side on one layer norm
// (llama.cpp b10587, src/models/command-r.cpp and cohere2.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe_command_r(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.norm = NormKind::layer;
  model.logits_scaled = metadata.real("logit_scale", 0) != 0;
  for (Layer& layer : model.layers) {
    layer.norm = NormKind::layer;
    layer.residual = Residual::mixer_last;
    std::get<Attention>(layer.mixer).norm = NormKind::layer;
  }
}

// Only the sliding layers have rotary positions.
void describe_cohere2(const Metadata& metadata, Model& model) {
  describe_command_r(metadata, model);
  slide(model, metadata.integer("attention.sliding_window"), sliding_period(metadata, 4));
  for (Layer& layer : model.layers) {
    auto& attention = std::get<Attention>(layer.mixer);
    attention.rope = attention.window > 0;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  Layout layout{.norms = {"attn_norm"}};
  if (TensorList(metadata, optional).has("attn_q_norm.weight")) {
    layout.query_key_norm = QueryKeyNorm::each_head;
  }
  return transformer_tensors(metadata, optional, layout);
}

}  // namespace

const Architecture command_r{"command-r", describe_command_r, tensors};
const Architecture cohere2{"cohere2", describe_cohere2, tensors};

}  // namespace membudget::arch
