// SPDX-License-Identifier: MIT
// LFM2: short convolutions with a few attention layers between them
// (llama.cpp b10587, src/models/lfm2.cpp and lfm2moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

std::int64_t cache_width(const Metadata& metadata) { return metadata.integer("shortconv.l_cache"); }

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  replace_attention(model, ShortConvolution{.width = cache_width(metadata)});
  const std::int64_t window = metadata.integer("attention.sliding_window", 0);
  for (Layer& layer : model.layers) {
    layer.mixer_residual_first = true;
    layer.residual_first = true;
    if (auto* attention = std::get_if<Attention>(&layer.mixer); attention != nullptr) {
      attention->window = window;
    }
  }
}

// The output norm goes by another name, and there is no rotary table.
void add_head(TensorList& list) {
  const Dimensions& d = list.dimensions();
  list.add("token_embd.weight", {d.embedding, d.vocabulary});
  list.norm(-1, "token_embd_norm", d.embedding);
  if (list.has("output.weight")) {
    list.linear(-1, "output", d.embedding, d.vocabulary);
  }
}

void add_mixer(TensorList& list, std::int64_t layer, std::int64_t width) {
  const Dimensions& d = list.dimensions();
  list.norm(layer, "attn_norm", d.embedding);
  if (d.kv_heads[static_cast<std::size_t>(layer)] == 0) {
    list.add(layer, "shortconv.conv.weight", {width, d.embedding});
    list.add(layer, "shortconv.in_proj.weight", {d.embedding, 3 * d.embedding});
    list.add(layer, "shortconv.out_proj.weight", {d.embedding, d.embedding});
    return;
  }
  list.attention(layer);
  list.norm(layer, "attn_q_norm", d.key_dim);
  list.norm(layer, "attn_k_norm", d.key_dim);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  add_head(list);
  for (std::int64_t i = 0; i < list.dimensions().layers; ++i) {
    add_mixer(list, i, cache_width(metadata));
    list.norm(i, "ffn_norm", list.dimensions().embedding);
    list.feed_forward(i);
  }
  return list.take();
}

}  // namespace

const Architecture lfm2{"lfm2", describe, tensors};

}  // namespace membudget::arch
