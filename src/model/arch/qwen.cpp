// SPDX-License-Identifier: MIT
// Qwen 1.5 to 3 (llama.cpp b10587, src/models/qwen2.cpp and qwen3.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

// qwen2 always has biases on its three projections.
std::vector<TensorShape> qwen2_tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.insert(present.end(), {"attn_q.bias", "attn_k.bias", "attn_v.bias"});
  return transformer_tensors(metadata, present);
}

// qwen3 has none, but a norm per head on queries and keys.
std::vector<TensorShape> qwen3_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& dimensions = list.dimensions();
  list.embedding_and_head();
  for (std::int64_t i = 0; i < dimensions.layers; ++i) {
    list.norm(i, "attn_norm", dimensions.embedding);
    list.attention(i);
    list.norm(i, "attn_q_norm", dimensions.key_dim);
    list.norm(i, "attn_k_norm", dimensions.key_dim);
    list.norm(i, "ffn_norm", dimensions.embedding);
    list.gated_feed_forward(i);
  }
  return list.take();
}

}  // namespace

const Architecture qwen2{"qwen2", describe_transformer, qwen2_tensors};
const Architecture qwen3{"qwen3", describe_transformer, qwen3_tensors};

}  // namespace membudget::arch
