// SPDX-License-Identifier: MIT
// gpt-oss: experts chosen by raw logits, every second layer slides, each head has a sink
// (llama.cpp b10587, src/models/openai-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.outputs_after_layers = true;
  Experts experts = read_experts(metadata);
  experts.routing = Routing::soft_max_of_chosen;
  experts.scaled = weights_scaled(metadata);
  for (Layer& layer : model.layers) {
    layer.feed_forward = experts;
  }
  slide(model, metadata.integer("attention.sliding_window"), sliding_period(metadata, 2));
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  const Dimensions dimensions = read_dimensions(metadata);
  std::vector<TensorShape> shapes = mixture_tensors(
      metadata, optional, describe,
      {.norms = {"attn_norm", "post_attention_norm"}, .qkv_bias = true, .attention_bias = true},
      {"ffn_gate_inp.bias", "ffn_gate_exps.bias", "ffn_up_exps.bias", "ffn_down_exps.bias"});
  TensorList sinks(metadata, optional);
  for (std::int64_t i = 0; i < dimensions.layers; ++i) {
    sinks.add(i, "attn_sinks.weight", {dimensions.heads[static_cast<std::size_t>(i)]});
  }
  for (TensorShape& shape : sinks.take()) {
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace

const Architecture gpt_oss{"gpt-oss", describe, tensors};

}  // namespace membudget::arch
