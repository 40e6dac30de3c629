// SPDX-License-Identifier: MIT
// SmolLM3: every fourth layer has no rotary positions (llama.cpp b10587, src/models/smollm3.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  constexpr std::size_t no_rope_step = 4;  // n_no_rope_layer_step, fixed in the engine
  for (std::size_t i = no_rope_step - 1; i < model.layers.size(); i += no_rope_step) {
    std::get<Attention>(model.layers[i].mixer).rope = false;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

}  // namespace

const Architecture smollm3{"smollm3", describe, tensors};

}  // namespace membudget::arch
