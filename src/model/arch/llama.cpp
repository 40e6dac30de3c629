// SPDX-License-Identifier: MIT
// Llama 1 to 3, Mistral, Mixtral, Yi, DeepSeek Coder, TinyLlama and the many others that share
// the layout (llama.cpp b10587, src/models/llama.cpp; internlm2 as src/models/internlm2.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

// With experts it is Mixtral.
void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  if (model.experts == 0) {
    return;
  }
  Experts experts = read_experts(metadata);
  experts.width = metadata.per_layer("feed_forward_length", 1).front();
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors_of_layers(metadata, optional, describe, {"ffn_norm.weight"});
}

}  // namespace

const Architecture llama{"llama", describe, tensors};
const Architecture internlm2{"internlm2", describe_transformer, transformer_tensors};

}  // namespace membudget::arch
