// SPDX-License-Identifier: MIT
// EXAONE with experts (K-EXAONE): only sliding layers have rotary positions
// (llama.cpp b10587, src/models/exaone-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", experts.width);
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, true);
  slide(model, metadata.integer("attention.sliding_window"), sliding_period(metadata, 4));
  for (Layer& layer : model.layers) {
    auto& attention = std::get<Attention>(layer.mixer);
    attention.rope = attention.window > 0;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {.query_key_norm = QueryKeyNorm::per_head},
                         {"exp_probs_b.bias"});
}

}  // namespace

const Architecture exaone_moe{"exaone-moe", describe, tensors};

}  // namespace membudget::arch
