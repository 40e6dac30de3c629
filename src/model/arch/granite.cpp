// SPDX-License-Identifier: MIT
// Granite 3 and 4, dense or with experts, and MiniCPM: Llama with scaled embeddings, residuals and
// logits (llama.cpp b10587, src/models/granite.cpp; granite-moe.cpp and minicpm.cpp build the same
// graph, and MiniCPM's older files leave the scales to the engine).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe_scaled(const Metadata& metadata, Model& model, double fallback) {
  describe_transformer(metadata, model);
  model.embedding_scaled = metadata.real("embedding_scale", fallback) != 0;
  model.logits_scaled = true;
  const bool residual_scaled = metadata.real("residual_scale", fallback) != 0;
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

void describe(const Metadata& metadata, Model& model) {
  describe_scaled(metadata, model, 0);
}

void describe_minicpm(const Metadata& metadata, Model& model) {
  describe_scaled(metadata, model, 1);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {});
}

}  // namespace

const Architecture granite{"granite", describe, tensors};
const Architecture granitemoe{"granitemoe", describe, tensors};
const Architecture minicpm{"minicpm", describe_minicpm, tensors};

}  // namespace membudget::arch
