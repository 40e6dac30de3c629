// SPDX-License-Identifier: MIT
// ChatGLM 2 and 3 and GLM-4: Llama's layout with gate and up in one tensor
// (llama.cpp b10587, src/models/chatglm.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::fused;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.fused_qkv = true, .qkv_bias = true, .gating = Gating::fused});
}

}  // namespace

const Architecture chatglm{"chatglm", describe, tensors};

}  // namespace membudget::arch
