// SPDX-License-Identifier: MIT
// Llama 1 to 3, Mistral, Yi, DeepSeek Coder, TinyLlama and the many others that share the layout
// (llama.cpp b10587, src/models/llama.cpp; internlm2.cpp and exaone.cpp build the same).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

}  // namespace

const Architecture llama{"llama", describe_transformer, tensors};
const Architecture internlm2{"internlm2", describe_transformer, tensors};
const Architecture exaone{"exaone", describe_transformer, tensors};

}  // namespace membudget::arch
