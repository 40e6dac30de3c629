// SPDX-License-Identifier: MIT
// Qwen 1.5 to 3 with experts (llama.cpp b10587, src/models/qwen2moe.cpp, qwen3moe.cpp and
// qwen3vlmoe.cpp). None of them reads how weights are normalised or scaled from the file.
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe_qwen2(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  experts.divided_gate = true;
  for (Layer& layer : model.layers) {
    layer.feed_forward = experts;
  }
}

void describe_qwen3(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    layer.feed_forward = experts;
  }
}

// The text part of Qwen3-VL.
void describe_qwen3vl(const Metadata& metadata, Model& model) {
  describe_qwen3(metadata, model);
  model.position_axes = mrope_axes;
  model.deepstack_layers = metadata.integer("n_deepstack_layers", 0);
}

std::vector<TensorShape> qwen2_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_qwen2, {.qkv_bias = true},
                         {"ffn_gate_inp_shexp.weight"});
}

std::vector<TensorShape> qwen3_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_qwen3,
                         {.query_key_norm = QueryKeyNorm::per_head});
}

}  // namespace

const Architecture qwen2moe{"qwen2moe", describe_qwen2, qwen2_tensors};
const Architecture qwen3moe{"qwen3moe", describe_qwen3, qwen3_tensors};
const Architecture qwen3vlmoe{"qwen3vlmoe", describe_qwen3vl, qwen3_tensors};

}  // namespace membudget::arch
