// SPDX-License-Identifier: MIT
// Llama 1 to 3, Mistral, Mixtral, Yi, DeepSeek Coder, TinyLlama and the many others that share
// the layout (llama.cpp b10587, src/models/llama.cpp; internlm2.cpp and exaone.cpp build the same).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

// With experts it is Mixtral, whose experts are as wide as a dense feed-forward would be.
void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  if (model.experts == 0) {
    return;
  }
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {});
}

std::vector<TensorShape> dense_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

}  // namespace

const Architecture llama{"llama", describe, tensors};
const Architecture internlm2{"internlm2", describe_transformer, dense_tensors};
const Architecture exaone{"exaone", describe_transformer, dense_tensors};

}  // namespace membudget::arch
