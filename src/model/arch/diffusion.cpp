// SPDX-License-Identifier: MIT
// Language models that refine a whole text instead of appending to it: Dream is a Qwen 2, LLaDA
// a Llama without a cache (llama.cpp b10587, src/models/dream.cpp, llada.cpp
// and llada-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.cached = false;
  model.causal = false;
}

void describe_moe(const Metadata& metadata, Model& model) {
  describe(metadata, model);
  for (Layer& layer : model.layers) {
    layer.feed_forward = read_experts(metadata);
  }
}

std::vector<TensorShape> dream_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.qkv_bias = true});
}

std::vector<TensorShape> llada_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

std::vector<TensorShape> llada_moe_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_moe,
                         {.query_key_norm = QueryKeyNorm::per_head});
}

}  // namespace

const Architecture dream{"dream", describe, dream_tensors};
const Architecture llada{"llada", describe, llada_tensors};
const Architecture llada_moe{"llada-moe", describe_moe, llada_moe_tensors};

}  // namespace membudget::arch
