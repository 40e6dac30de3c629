// SPDX-License-Identifier: MIT
// Nemotron-H: every layer is one of Mamba 2, attention or a feed-forward
// (llama.cpp b10587, src/models/nemotron-h.cpp).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.outputs_after_norm = true;
  const Mamba mamba = read_mamba(metadata, 2);
  for (Layer& layer : model.layers) {
    auto& attention = std::get<Attention>(layer.mixer);
    auto& dense = std::get<DenseFeedForward>(layer.feed_forward);
    if (dense.width > 0) {
      dense.gating = Gating::none;
      dense.squared = true;
      layer.mixer = std::monostate{};
    } else {
      attention.rope = false;
      if (attention.kv_heads == 0) {
        layer.mixer = mamba;
      }
      layer.feed_forward = std::monostate{};
    }
  }
}

void add_mixer(TensorList& list, std::int64_t layer, const Mamba& mamba) {
  if (list.dimensions().kv_heads[static_cast<std::size_t>(layer)] == 0) {
    add_mamba(list, layer, mamba);
  } else {
    list.attention(layer);
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  const Mamba mamba = read_mamba(metadata, 2);
  list.embedding_and_head();
  for (std::int64_t i = 0; i < d.layers; ++i) {
    list.norm(i, "attn_norm", d.embedding);
    if (const std::int64_t width = d.width[static_cast<std::size_t>(i)]; width > 0) {
      list.linear(i, "ffn_up", d.embedding, width);
      list.linear(i, "ffn_down", width, d.embedding);
    } else {
      add_mixer(list, i, mamba);
    }
  }
  return list.take();
}

}  // namespace

const Architecture nemotron_h{"nemotron_h", describe, tensors};

}  // namespace membudget::arch
