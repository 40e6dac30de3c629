// SPDX-License-Identifier: MIT
// Jamba: Mamba 1 with a few attention layers between, some feed-forwards are experts
// (llama.cpp b10587, src/models/jamba.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

// A file's router decides; without tensors it is every second layer, as in all that exist.
bool has_experts(const Model& model, std::int64_t layer) {
  return model.tensors.all().empty() ? model.experts > 1 && layer % 2 == 1
                                     : model.tensors.find(layer, "ffn_gate_inp.weight") != nullptr;
}

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  replace_attention(model, read_mamba(metadata, 1));
  drop_rope(model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.mixer_residual_first = true;
    layer.residual_first = true;
    if (has_experts(model, static_cast<std::int64_t>(i))) {
      Experts experts = read_experts(metadata);
      experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
      layer.feed_forward = experts;
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe, {}, {"ssm_dt_norm.weight"});
}

}  // namespace

const Architecture jamba{"jamba", describe, tensors};

}  // namespace membudget::arch
