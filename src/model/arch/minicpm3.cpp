// SPDX-License-Identifier: MIT
// MiniCPM3: keys and values come from a latent, but are cached decompressed, per head
// (llama.cpp b10587, src/models/minicpm3.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = true;
  model.output_scaled = true;
  for (Layer& layer : model.layers) {
    layer.residual_scaled = true;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  const std::int64_t query_rank = metadata.integer("attention.q_lora_rank");
  const std::int64_t latent_dim = metadata.integer("attention.kv_lora_rank");
  list.embedding_and_head();
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const std::int64_t heads = d.heads[static_cast<std::size_t>(i)];
    list.norms(i);
    list.linear(i, "attn_q_a", d.embedding, query_rank);
    list.norm(i, "attn_q_a_norm", query_rank);
    list.linear(i, "attn_q_b", query_rank, heads * d.key_dim);
    list.linear(i, "attn_kv_a_mqa", d.embedding, latent_dim + d.rotary_dim);
    list.norm(i, "attn_kv_a_norm", latent_dim);
    list.linear(i, "attn_kv_b", latent_dim, heads * (d.key_dim - d.rotary_dim + d.value_dim));
    list.linear(i, "attn_output", heads * d.value_dim, d.embedding);
    list.feed_forward(i);
  }
  return list.take();
}

}  // namespace

const Architecture minicpm3{"minicpm3", describe, tensors};

}  // namespace membudget::arch
