// SPDX-License-Identifier: MIT
// Granite 3 and 4, dense and with experts: Llama with scaled embeddings, residuals and logits
// (llama.cpp b10587, src/models/granite.cpp and granite-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

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

void describe_experts(const Metadata& metadata, Model& model) {
  describe(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  for (Layer& layer : model.layers) {
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors_of_layers(metadata, optional, describe_experts, {"ffn_norm.weight"});
}

}  // namespace

const Architecture granite{"granite", describe, transformer_tensors};
const Architecture granitemoe{"granitemoe", describe_experts, tensors};

}  // namespace membudget::arch
