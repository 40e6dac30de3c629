// SPDX-License-Identifier: MIT
// Arcee AFM: Llama's layout with a squared ReLU and no gate in the feed-forward
// (llama.cpp b10587, src/models/arcee.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    auto& feed_forward = std::get<DenseFeedForward>(layer.feed_forward);
    feed_forward.gating = Gating::none;
    feed_forward.squared = true;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.gating = Gating::none});
}

}  // namespace

const Architecture arcee{"arcee", describe, tensors};

}  // namespace membudget::arch
