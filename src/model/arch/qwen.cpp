// SPDX-License-Identifier: MIT
// Qwen 1 to 3, their vision models' text parts, and Seed-OSS (llama.cpp b10587,
// src/models/qwen.cpp, qwen2.cpp, qwen3.cpp, qwen2vl.cpp, qwen3vl.cpp, seed-oss.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

// The first Qwen states the width of gate and up together.
void describe_qwen(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<DenseFeedForward>(layer.feed_forward).width /= 2;
  }
}

std::vector<TensorShape> qwen_tensors(const Metadata& metadata, OptionalTensors optional) {
  const Layout layout{.fused_qkv = true, .qkv_bias = true, .output = true};
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.embedding_and_head(layout);
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const std::int64_t width = d.width[static_cast<std::size_t>(i)] / 2;
    list.norms(i, layout);
    list.attention(i, layout);
    list.linear(i, "ffn_gate", d.embedding, width);
    list.linear(i, "ffn_up", d.embedding, width);
    list.linear(i, "ffn_down", width, d.embedding);
  }
  return list.take();
}

std::vector<TensorShape> qwen2_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.qkv_bias = true});
}

std::vector<TensorShape> qwen3_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.query_key_norm = QueryKeyNorm::per_head});
}

std::vector<TensorShape> seed_oss_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.norms = {"attn_norm", "post_attention_norm"}, .qkv_bias = true});
}

// Rerankers made of these models end in a softmax (build_pooling).
void describe_qwen3(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.rank_is_softmax = true;
}

void describe_vision(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.position_axes = mrope_axes;
  model.deepstack_layers = metadata.integer("n_deepstack_layers", 0);
}

}  // namespace

const Architecture qwen{"qwen", describe_qwen, qwen_tensors};
const Architecture qwen2{"qwen2", describe_transformer, qwen2_tensors};
const Architecture qwen2vl{"qwen2vl", describe_vision, qwen2_tensors};
const Architecture qwen3{"qwen3", describe_qwen3, qwen3_tensors};
const Architecture qwen3vl{"qwen3vl", describe_vision, qwen3_tensors};
const Architecture seed_oss{"seed_oss", describe_transformer, seed_oss_tensors};

}  // namespace membudget::arch
