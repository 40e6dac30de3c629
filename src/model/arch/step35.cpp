// SPDX-License-Identifier: MIT
// Step 3.5: attention passes a gate per head, experts of some layers are limited, which layers
// slide is listed in the file (llama.cpp b10587, src/models/step35.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

// swiglu_clamp_exp and swiglu_clamp_shexp: a limit above zero builds the operations.
std::vector<bool> limited(const Metadata& metadata, std::string_view key, std::size_t layers) {
  constexpr double smallest = 1e-6;
  std::vector<bool> result(layers, false);
  const Metadata::Value* value = metadata.find(std::string("step35.").append(key));
  for (std::size_t i = 0; value != nullptr && i < layers; ++i) {
    if (const auto* limits = std::get_if<std::vector<double>>(value)) {
      result[i] = i < limits->size() && (*limits)[i] > smallest;
    } else if (const auto* limit = std::get_if<double>(value)) {
      result[i] = *limit > smallest;
    }
  }
  return result;
}

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, false);
  slide_where_listed(metadata, model);
  model.outputs_after_layers = true;
  const std::size_t layers = model.layers.size();
  const std::vector<bool> routed = limited(metadata, "swiglu_clamp_exp", layers);
  const std::vector<bool> shared = limited(metadata, "swiglu_clamp_shexp", layers);
  for (std::size_t i = 0; i < layers; ++i) {
    auto& attention = std::get<Attention>(model.layers[i].mixer);
    attention.rope_factors = attention.window == 0;
    if (auto* mixture = std::get_if<Experts>(&model.layers[i].feed_forward)) {
      mixture->clamped = routed[i];
      mixture->shared_clamped = shared[i];
    } else {
      std::get<DenseFeedForward>(model.layers[i].feed_forward).clamped = shared[i];
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe,
                         {.query_key_norm = QueryKeyNorm::per_head,
                          .attention_gate = AttentionGate::per_head},
                         {"exp_probs_b.bias"});
}

}  // namespace

const Architecture step35{"step35", describe, tensors};

}  // namespace membudget::arch
