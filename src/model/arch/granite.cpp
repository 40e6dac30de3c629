// SPDX-License-Identifier: MIT
// Granite 3 and 4, dense or with experts: Llama with scaled embeddings, residuals and logits
// (llama.cpp b10587, src/models/granite.cpp and granite-moe.cpp, which build the same graph).
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
  if (model.experts == 0) {
    return;
  }
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  for (Layer& layer : model.layers) {
    experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {});
}

}  // namespace

const Architecture granite{"granite", describe, tensors};
const Architecture granitemoe{"granitemoe", describe, tensors};

}  // namespace membudget::arch
