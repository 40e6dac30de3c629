// SPDX-License-Identifier: MIT
// LFM2: short convolutions with a few attention layers between them, dense or with experts
// (llama.cpp b10587, src/models/lfm2.cpp and lfm2moe.cpp, which share their graph).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  replace_attention(model, ShortConvolution{.width = metadata.integer("shortconv.l_cache")});
  model.rolls_back = true;
  const std::int64_t window = metadata.integer("attention.sliding_window", 0);
  for (Layer& layer : model.layers) {
    layer.mixer_residual_first = true;
    layer.residual_first = true;
    if (auto* attention = std::get_if<Attention>(&layer.mixer); attention != nullptr) {
      attention->window = window;
    }
  }
}

void describe_moe(const Metadata& metadata, Model& model) {
  describe(metadata, model);
  Experts experts = read_experts(metadata);
  experts.routing = stated_routing(metadata, Routing::soft_max);
  experts.normalised = true;
  put_experts(metadata, model, experts);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe, {.query_key_norm = QueryKeyNorm::per_head},
                        {}, "token_embd_norm");
}

std::vector<TensorShape> tensors_moe(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe_moe,
                        {.query_key_norm = QueryKeyNorm::per_head}, {"exp_probs_b.bias"},
                        "token_embd_norm");
}

}  // namespace

const Architecture lfm2{"lfm2", describe, tensors};
const Architecture lfm2moe{"lfm2moe", describe_moe, tensors_moe};

}  // namespace membudget::arch
