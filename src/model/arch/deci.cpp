// SPDX-License-Identifier: MIT
// DeciLM and the Nemotron models that a search has thinned out: layers differ in width, and some
// have no attention, a single projection in its place, or nothing at all
// (llama.cpp b10587, src/models/deci.cpp).
#include <fmt/format.h>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    if (std::get<DenseFeedForward>(layer.feed_forward).width > 0) {
      continue;
    }
    if (std::get<Attention>(layer.mixer).heads > 0) {
      throw Error(Errc::unsupported, metadata.where(),
                  fmt::format("layer {} has attention but no feed-forward, and the engine drops "
                              "what such a layer computes",
                              i));
    }
    layer.feed_forward = std::monostate{};
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.embedding_and_head();
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const auto index = static_cast<std::size_t>(i);
    if (d.heads[index] > 0) {
      list.norm(i, "attn_norm", d.embedding);
      if (d.kv_heads[index] > 0) {
        list.attention(i);
      } else {
        list.linear(i, "attn_output", d.embedding, d.embedding);
      }
    }
    if (d.width[index] > 0) {
      list.norm(i, "ffn_norm", d.embedding);
      list.feed_forward(i);
    }
  }
  return list.take();
}

}  // namespace

const Architecture deci{"deci", describe, tensors};

}  // namespace membudget::arch
