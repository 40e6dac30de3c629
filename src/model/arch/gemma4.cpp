// SPDX-License-Identifier: MIT
// Gemma 4: head sizes that differ between sliding and full layers, layers that read the cache of an
// earlier one, an embedding per layer (E2B, E4B) and experts beside the feed-forward (26B-A4B)
// (llama.cpp b10587, src/models/gemma4.cpp).
#include <algorithm>

#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = true;
  model.logits_capped = metadata.real("final_logit_softcapping", 0) != 0;
  model.outputs_after_norm = true;
  model.per_layer_width = metadata.integer("embedding_length_per_layer_input", 0);

  const auto count = static_cast<std::int64_t>(model.layers.size());
  const std::vector<std::int64_t> slides =
      metadata.per_layer("attention.sliding_window_pattern", count, 0);
  const std::int64_t window = metadata.integer("attention.sliding_window");
  const std::int64_t shared = metadata.integer("attention.shared_kv_layers", 0);
  const std::int64_t own = std::max<std::int64_t>(count - shared, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    Layer& layer = model.layers[static_cast<std::size_t>(i)];
    layer.branch_norms = true;
    auto& attention = std::get<Attention>(layer.mixer);
    attention.values_normed = true;
    if (slides[static_cast<std::size_t>(i)] != 0) {
      attention.window = window;
      attention.key_dim = metadata.integer("attention.key_length_swa", attention.key_dim);
      attention.value_dim = metadata.integer("attention.value_length_swa", attention.value_dim);
      attention.rope_factors = false;
    }
    // The last layers with a cache of their own are a sliding and a full one
    // (llama-model.cpp:2416).
    if (i >= own && own >= 2) {
      attention.cache_layer = own - (attention.window > 0 ? 2 : 1);
    }
    if (model.experts > 0) {
      Experts experts = read_experts(metadata);
      experts.normalised = true;
      experts.gating = Gating::fused;
      layer.feed_forward_beside = experts;
      layer.experts_on_sum = true;
    }
  }
}

void list_attention(TensorList& list, const Attention& attention, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t queries = attention.heads * attention.key_dim;
  list.linear(layer, "attn_q", embedding, queries);
  list.linear(layer, "attn_k", embedding, attention.kv_heads * attention.key_dim);
  // On full layers keys serve as values, except in the E-models.
  if (attention.window > 0 || list.has("attn_v.weight")) {
    list.linear(layer, "attn_v", embedding, attention.kv_heads * attention.value_dim);
  }
  list.linear(layer, "attn_output", attention.heads * attention.value_dim, embedding);
  list.norm(layer, "attn_q_norm", attention.key_dim);
  list.norm(layer, "attn_k_norm", attention.key_dim);
}

void list_experts_beside(TensorList& list, const Experts& experts, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  list_experts(list, experts, layer);
  list.add(layer, "ffn_down_exps.scale", {experts.count});
  list.add(layer, "ffn_gate_inp.scale", {embedding});
  for (const std::string_view name : {"post_ffw_norm_1", "post_ffw_norm_2", "pre_ffw_norm_2"}) {
    list.norm(layer, name, embedding);
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  Model model;
  describe(metadata, model);
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.embedding_and_head();
  if (model.per_layer_width > 0) {
    const std::int64_t all = model.per_layer_width * d.layers;
    list.add("per_layer_token_embd.weight", {all, d.vocabulary});
    list.add("per_layer_model_proj.weight", {d.embedding, all});
    list.add("per_layer_proj_norm.weight", {model.per_layer_width});
  }
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(i)];
    list.norms(i, {.norms = {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"}});
    list_attention(list, std::get<Attention>(layer.mixer), i);
    list.feed_forward(i);
    list.add(i, "layer_output_scale.weight", {1});
    if (const auto* experts = std::get_if<Experts>(&layer.feed_forward_beside)) {
      list_experts_beside(list, *experts, i);
    }
    if (model.per_layer_width > 0) {
      list.linear(i, "inp_gate", d.embedding, model.per_layer_width);
      list.linear(i, "proj", model.per_layer_width, d.embedding);
      list.norm(i, "post_norm", d.embedding);
    }
  }
  return list.take();
}

}  // namespace

const Architecture gemma4{"gemma4", describe, tensors};

}  // namespace membudget::arch
