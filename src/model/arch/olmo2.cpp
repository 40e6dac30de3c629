// SPDX-License-Identifier: MIT
// OLMo 2 and 3, EXAONE 4 and GLM-4-0414: norms after each branch instead of or beside those before
// it (llama.cpp b10587, src/models/olmo2.cpp, exaone4.cpp, glm4.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void norm_branches(Model& model) {
  for (Layer& layer : model.layers) {
    layer.branch_norms = true;
  }
}

void describe_olmo2(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  norm_branches(model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).norm_across_heads = true;
  }
  slide(model, metadata.integer("attention.sliding_window", 0), sliding_period(metadata, 4));
}

// Only the 32B slides, and the engine knows it by its 64 layers; there the full layers have no
// rotary positions.
void describe_exaone4(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  norm_branches(model);
  constexpr std::size_t layers_of_32b = 64;
  constexpr std::int64_t default_window = 4096;
  if (model.layers.size() == layers_of_32b) {
    slide(model, metadata.integer("attention.sliding_window", default_window),
          sliding_period(metadata, 4));
    for (Layer& layer : model.layers) {
      auto& attention = std::get<Attention>(layer.mixer);
      attention.rope = attention.window > 0;
    }
  }
}

void describe_glm4(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  norm_branches(model);
  take_rope_axes(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::fused;
  }
}

std::vector<TensorShape> olmo2_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.norms = {"post_attention_norm", "post_ffw_norm"},
                              .query_key_norm = QueryKeyNorm::across_heads});
}

std::vector<TensorShape> exaone4_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.norms = {"post_attention_norm", "post_ffw_norm"},
                              .query_key_norm = QueryKeyNorm::per_head});
}

std::vector<TensorShape> glm4_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(
      metadata, optional,
      {.norms = {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"},
       .gating = Gating::fused});
}

}  // namespace

const Architecture olmo2{"olmo2", describe_olmo2, olmo2_tensors};
const Architecture exaone4{"exaone4", describe_exaone4, exaone4_tensors};
const Architecture glm4{"glm4", describe_glm4, glm4_tensors};

}  // namespace membudget::arch
