// SPDX-License-Identifier: MIT
// Falcon-H1: attention and Mamba 2 side by side in every layer
// (llama.cpp b10587, src/models/falcon-h1.cpp).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const Mamba mamba = read_mamba(metadata, 2);
  for (Layer& layer : model.layers) {
    layer.beside = mamba;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Mamba mamba = read_mamba(metadata, 2);
  list.embedding_and_head();
  for (std::int64_t i = 0; i < list.dimensions().layers; ++i) {
    list.norm(i, "attn_norm", list.dimensions().embedding);
    list.attention(i);
    add_mamba(list, i, mamba, list.has("ssm_norm.weight"));
    // The only norm whose name does not end in ".weight".
    list.add(i, "ffn_norm", {list.dimensions().embedding});
    list.feed_forward(i);
  }
  return list.take();
}

}  // namespace

const Architecture falcon_h1{"falcon-h1", describe, tensors};

}  // namespace membudget::arch
