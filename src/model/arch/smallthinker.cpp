// SPDX-License-Identifier: MIT
// SmallThinker: the router reads the layer's input, before attention; the first of every four
// layers looks at everything and has no rotary positions
// (llama.cpp b10587, src/models/smallthinker.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

constexpr std::int64_t window = 4096;    // whatever window the file states
constexpr std::size_t no_rope_step = 4;  // n_no_rope_layer_step, fixed in the engine

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.routing = stated_routing(metadata, Routing::sigmoid);
  experts.normalised = true;
  const bool sliding = metadata.integer("attention.sliding_window", 0) > 0;
  if (sliding) {
    slide(model, window, sliding_period(metadata, 4), true);
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    std::get<Attention>(layer.mixer).rope = !sliding || i % no_rope_step != 0;
    layer.early_router = true;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {});
}

}  // namespace

const Architecture smallthinker{"smallthinker", describe, tensors};

}  // namespace membudget::arch
