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
  return hybrid_tensors(metadata, optional, describe, {.norms = {"attn_norm"}});
}

}  // namespace

const Architecture falcon_h1{"falcon-h1", describe, tensors};

}  // namespace membudget::arch
