// SPDX-License-Identifier: MIT
// Apertus: Qwen 3's attention, and a feed-forward without a gate whose activation is one operation,
// xIELU (llama.cpp b10587, src/models/apertus.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::none;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(
      metadata, optional,
      {.query_key_norm = QueryKeyNorm::per_head, .gating = Gating::none, .output = true});
}

}  // namespace

const Architecture apertus{"apertus", describe, tensors};

}  // namespace membudget::arch
