// SPDX-License-Identifier: MIT
// Grok: capped attention scores, for which the engine turns flash attention off; Grok 2 adds a
// dense feed-forward to the experts (llama.cpp b10587, src/models/grok.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.flash_attention = false;
  // Files that do not state the scales are from before they could.
  model.embedding_scaled = metadata.real("embedding_scale", 1) != 0;
  model.logits_scaled = true;
  model.logits_capped = metadata.real("final_logit_softcapping", 0) != 0;
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    std::get<Attention>(layer.mixer).soft_capped = true;
    layer.branch_norms = true;
    const bool beside =
        model.tensors.find(static_cast<std::int64_t>(i), "ffn_up.weight") != nullptr;
    experts.dense_width = beside ? std::get<DenseFeedForward>(layer.feed_forward).width : 0;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(
      metadata, optional, describe,
      {.norms = {"attn_norm", "attn_output_norm", "ffn_norm", "layer_output_norm"}});
}

}  // namespace

const Architecture grok{"grok", describe, tensors};

}  // namespace membudget::arch
