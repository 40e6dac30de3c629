// SPDX-License-Identifier: MIT
// Ministral 3 and Devstral 2: Llama with queries scaled by position
// (llama.cpp b10587, src/models/mistral3.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const bool temperature = metadata.real("attention.temperature_scale", 0) != 0;
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).temperature = temperature;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

}  // namespace

const Architecture mistral3{"mistral3", describe, tensors};

}  // namespace membudget::arch
