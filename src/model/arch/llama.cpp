// SPDX-License-Identifier: MIT
// Llama 1 to 3, Mistral, Mixtral, Yi, DeepSeek Coder, TinyLlama and the many others that share
// the layout (llama.cpp b10587, src/models/llama.cpp; internlm2.cpp, exaone.cpp and xverse.cpp
// build the same, and refact.cpp and baichuan.cpp do but for the rotation).
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

// Scores are biased by distance instead (ALiBi), which costs no memory.
void describe_refact(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).rope = false;
  }
}

// Only the 7B rotates, and the engine knows it by its 32 layers.
void describe_baichuan(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  constexpr std::size_t layers_of_7b = 32;
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).rope = model.layers.size() == layers_of_7b;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {});
}

std::vector<TensorShape> dense_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

std::vector<TensorShape> untied_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.output = true});
}

}  // namespace

const Architecture baichuan{"baichuan", describe_baichuan, untied_tensors};
const Architecture llama{"llama", describe, tensors};
const Architecture internlm2{"internlm2", describe_transformer, dense_tensors};
const Architecture exaone{"exaone", describe_transformer, dense_tensors};
const Architecture refact{"refact", describe_refact, dense_tensors};
const Architecture xverse{"xverse", describe_transformer, untied_tensors};

}  // namespace membudget::arch
