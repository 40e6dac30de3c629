// SPDX-License-Identifier: MIT
// Llama 4: three of four layers attend within chunks of 8192 tokens, the fourth has no rotary
// positions; some layers are dense (llama.cpp b10587, src/models/llama4.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

constexpr std::int64_t chunk = 8192;  // whatever window the file states
constexpr std::int64_t maverick_experts = 128;

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const bool sliding = metadata.integer("attention.sliding_window", chunk) != 0;
  if (sliding) {
    slide(model, chunk, sliding_period(metadata, 4));
  }
  Experts experts = read_experts(metadata);
  experts.routing = Routing::sigmoid;
  experts.input_weighted = true;
  experts.shared_width = experts.width;
  const std::size_t no_rope_step = sliding ? 4 : model.layers.size();  // n_no_rope_layer_step
  const auto step = static_cast<std::size_t>(metadata.integer("interleave_moe_layer_step"));
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    auto& attention = std::get<Attention>(model.layers[i].mixer);
    attention.rope = (i + 1) % no_rope_step != 0;
    attention.temperature = !attention.rope;
    attention.unit_norm = attention.rope && experts.count != maverick_experts;
    if (step > 0 && (i + 1) % step == 0) {
      model.layers[i].feed_forward = experts;
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {});
}

}  // namespace

const Architecture llama4{"llama4", describe, tensors};

}  // namespace membudget::arch
