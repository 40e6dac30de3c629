// SPDX-License-Identifier: MIT
// Nemotron-H: every layer is one of Mamba 2, attention, a feed-forward or experts
// (llama.cpp b10587, src/models/nemotron-h.cpp and nemotron-h-moe.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

FeedForward read_feed_forward(const Metadata& metadata, const Model& model) {
  if (model.experts == 0) {
    return DenseFeedForward{.gating = Gating::none, .squared = true};
  }
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.routing = Routing::sigmoid;
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  experts.latent_dim = metadata.integer("moe_latent_size", 0);
  experts.gating = Gating::none;
  experts.squared = true;
  return experts;
}

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.outputs_after_norm = true;
  const Mamba mamba = read_mamba(metadata, 2);
  const FeedForward feed_forward = read_feed_forward(metadata, model);
  for (Layer& layer : model.layers) {
    const std::int64_t width = std::get<DenseFeedForward>(layer.feed_forward).width;
    if (width > 0) {
      layer.mixer = std::monostate{};
      layer.feed_forward = feed_forward;
      if (auto* dense = std::get_if<DenseFeedForward>(&layer.feed_forward); dense != nullptr) {
        dense->width = width;
      }
    } else {
      layer.feed_forward = std::monostate{};
    }
  }
  replace_attention(model, mamba);
  drop_rope(model);
  // The block for drafting has a cache of its own, in another context (llama-model.cpp:2380).
  drop_draft_layers(metadata, model, false);
  model.drafts = true;
  model.rolls_back = true;
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe,
                        {.norms = {"attn_norm"}, .gating = Gating::none},
                        {"ssm_norm.weight", "exp_probs_b.bias"});
}

}  // namespace

const Architecture nemotron_h{"nemotron_h", describe, tensors};
const Architecture nemotron_h_moe{"nemotron_h_moe", describe, tensors};

}  // namespace membudget::arch
