// SPDX-License-Identifier: MIT
// Granite 3 and 4 (dense): Llama with scaled embeddings, residuals and logits
// (llama.cpp b10587, src/models/granite.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = metadata.real("embedding_scale", 0) != 0;
  model.logits_scaled = true;
  const bool residual_scaled = metadata.real("residual_scale", 0) != 0;
  for (Layer& layer : model.layers) {
    layer.residual_scaled = residual_scaled;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

}  // namespace

const Architecture granite{"granite", describe, tensors};

}  // namespace membudget::arch
