// SPDX-License-Identifier: MIT
// PLaMo: attention and feed-forward read the same normed input
// (llama.cpp b10587, src/models/plamo.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    layer.residual = Residual::input_last;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.norms = {"attn_norm"}, .output = true});
}

}  // namespace

const Architecture plamo{"plamo", describe, tensors};

}  // namespace membudget::arch
