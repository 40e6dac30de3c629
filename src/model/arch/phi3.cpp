// SPDX-License-Identifier: MIT
// Phi-3 and Phi-4: one tensor for queries, keys and values, one for gate and up. The sliding
// window that some files state is ignored by the engine (llama.cpp b10587, src/models/phi3.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).scaled_query = true;
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::fused;
    layer.residual_first = true;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& dimensions = list.dimensions();
  list.embedding_and_head();
  for (std::int64_t i = 0; i < dimensions.layers; ++i) {
    const std::int64_t width = dimensions.width[static_cast<std::size_t>(i)];
    list.norm(i, "attn_norm", dimensions.embedding);
    list.fused_attention(i);
    list.norm(i, "ffn_norm", dimensions.embedding);
    list.linear(i, "ffn_up", dimensions.embedding, 2 * width);
    list.linear(i, "ffn_down", width, dimensions.embedding);
  }
  return list.take();
}

}  // namespace

const Architecture phi3{"phi3", describe, tensors};

}  // namespace membudget::arch
