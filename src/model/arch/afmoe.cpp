// SPDX-License-Identifier: MIT
// AFMoE (Trinity): attention passes a gate, branches are normalised, every fourth layer looks at
// everything and has no rotary positions (llama.cpp b10587, src/models/afmoe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

constexpr std::size_t no_rope_step = 4;  // n_no_rope_layer_step, fixed in the engine

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = true;
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.shared_width = experts.width * metadata.integer("expert_shared_count");
  put_experts(metadata, model, experts);
  if (const std::int64_t window = metadata.integer("attention.sliding_window", 0); window > 0) {
    slide(model, window, sliding_period(metadata, 4));
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    std::get<Attention>(layer.mixer).rope = (i + 1) % no_rope_step != 0;
    layer.branch_norms = true;
    layer.norm_before_drop = true;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(
      metadata, optional, describe,
      {.norms = {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"},
       .query_key_norm = QueryKeyNorm::per_head,
       .attention_gate = AttentionGate::per_element},
      {"exp_probs_b.bias"});
}

}  // namespace

const Architecture afmoe{"afmoe", describe, tensors};

}  // namespace membudget::arch
