// SPDX-License-Identifier: MIT
// Language models that refine a whole text instead of appending to it: Dream is a Qwen 2, LLaDA
// a Llama without a cache (llama.cpp b10587, src/models/dream.cpp and llada.cpp).
#include <string>

#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.cached = false;
  model.causal = false;
}

std::vector<TensorShape> dream_tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.insert(present.end(), {"attn_q.bias", "attn_k.bias", "attn_v.bias"});
  return transformer_tensors(metadata, present);
}

}  // namespace

const Architecture dream{"dream", describe, dream_tensors};
const Architecture llada{"llada", describe, transformer_tensors};

}  // namespace membudget::arch
