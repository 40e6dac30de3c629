// SPDX-License-Identifier: MIT
// Step 3.5: attention passes a gate per head, experts of some layers are limited, which layers
// slide is listed in the file (llama.cpp b10587, src/models/step35.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, false);
  model.drafts = true;
  slide_where_listed(metadata, model);
  model.outputs_after_layers = true;
  const std::size_t layers = model.layers.size();
  const std::vector<Limit> routed =
      read_limits(metadata, "swiglu_clamp_exp", layers, Limit::clamped_activated);
  const std::vector<Limit> shared =
      read_limits(metadata, "swiglu_clamp_shexp", layers, Limit::clamped_activated);
  for (std::size_t i = 0; i < layers; ++i) {
    auto& attention = std::get<Attention>(model.layers[i].mixer);
    attention.rope_factors = attention.window == 0;
    if (auto* mixture = std::get_if<Experts>(&model.layers[i].feed_forward)) {
      mixture->limit = routed[i];
      mixture->shared_limit = shared[i];
    } else {
      std::get<DenseFeedForward>(model.layers[i].feed_forward).limit = shared[i];
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(
      metadata, optional, describe,
      {.query_key_norm = QueryKeyNorm::per_head, .attention_gate = AttentionGate::per_head},
      {"exp_probs_b.bias"});
}

}  // namespace

const Architecture step35{"step35", describe, tensors};

}  // namespace membudget::arch
