// SPDX-License-Identifier: MIT
// MiMo V2: which layers slide is listed in the file; they have more key-value heads and sinks
// (llama.cpp b10587, src/models/mimo2.cpp).
#include <fmt/format.h>

#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.routing = Routing::sigmoid;
  experts.normalised = true;
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, false);
  model.drafts = true;
  slide_where_listed(metadata, model);
  const double scale = metadata.real("attention.value_scale", 0);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).output_scaled = scale != 0 && scale != 1;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<TensorShape> shapes =
      mixture_tensors(metadata, optional, describe, {}, {"exp_probs_b.bias"});
  Model model;
  describe(metadata, model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto& attention = std::get<Attention>(model.layers[i].mixer);
    if (attention.window > 0) {
      shapes.push_back({fmt::format("blk.{}.attn_sinks.weight", i), {attention.heads, 1, 1, 1}});
    }
  }
  return shapes;
}

}  // namespace

const Architecture mimo2{"mimo2", describe, tensors};

}  // namespace membudget::arch
