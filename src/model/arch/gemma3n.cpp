// SPDX-License-Identifier: MIT
// Gemma 3n: four copies of the hidden state, an embedding per layer, and layers that read the cache
// of an earlier one (llama.cpp b10587, src/models/gemma3n.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

// Fixed in the engine (gemma3n.cpp:9, llama-hparams.h).
constexpr std::int64_t own_caches = 20;
constexpr std::int64_t copies = 4;
constexpr std::size_t sparse_layers = 10;
constexpr std::int64_t default_per_layer = 256;

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = true;
  model.logits_capped = true;
  model.hidden_copies = copies;
  model.per_layer_width = metadata.integer("embedding_length_per_layer_input", default_per_layer);
  slide(model, metadata.integer("attention.sliding_window"), sliding_period(metadata, 5));
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    auto& attention = std::get<Attention>(model.layers[i].mixer);
    attention.values_normed = true;
    // llama-model.cpp:2416
    if (static_cast<std::int64_t>(i) >= own_caches) {
      attention.cache_layer = own_caches - (attention.window > 0 ? 2 : 1);
    }
    std::get<DenseFeedForward>(model.layers[i].feed_forward).sparse = i < sparse_layers;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  const std::int64_t per_layer =
      metadata.integer("embedding_length_per_layer_input", default_per_layer);
  const std::int64_t all = per_layer * d.layers;
  constexpr std::int64_t laurel_rank = 64;
  const Layout layout{.norms = {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm",
                                "post_norm", "laurel_post_norm", "altup_router_norm"},
                      .query_key_norm = QueryKeyNorm::per_head};
  list.embedding_and_head(layout);
  list.add("altup_proj.weight", {d.embedding, d.embedding, copies - 1});
  list.add("altup_unembd_proj.weight", {d.embedding, d.embedding, copies - 1});
  list.add("per_layer_token_embd.weight", {all, d.vocabulary});
  list.add("per_layer_model_proj.weight", {d.embedding, all});
  list.add("per_layer_proj_norm.weight", {per_layer});
  for (std::int64_t i = 0; i < d.layers; ++i) {
    list.norms(i, layout);
    list.attention(i, layout);
    list.feed_forward(i, layout);
    list.linear(i, "inp_gate", d.embedding, per_layer);
    list.linear(i, "proj", per_layer, d.embedding);
    list.linear(i, "laurel_l", d.embedding, laurel_rank);
    list.linear(i, "laurel_r", laurel_rank, d.embedding);
    list.linear(i, "altup_router", d.embedding, copies);
    list.add(i, "altup_correct_coef.weight", {copies, copies});
    list.add(i, "altup_correct_scale.weight", {d.embedding});
    list.add(i, "altup_predict_coef.weight", {copies, copies * copies});
  }
  return list.take();
}

}  // namespace

const Architecture gemma3n{"gemma3n", describe, tensors};

}  // namespace membudget::arch
