// SPDX-License-Identifier: MIT
// Phi-2, Phi-3, Phi-3.5-MoE and Phi-4 (llama.cpp b10587, src/models/phi2.cpp, phi3.cpp and
// phimoe.cpp). Phi-3 keeps gate and up in one tensor; the sliding window that some files state is
// ignored by the engine.
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe_phi2(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.norm = NormKind::layer;
  for (Layer& layer : model.layers) {
    layer.norm = NormKind::layer;
    layer.residual = Residual::input_last_mixer_first;
    std::get<Attention>(layer.mixer).scaled_query = true;
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::none;
  }
}

std::vector<TensorShape> phi2_tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.insert(present.end(), {"output.weight", "output.bias"});
  return transformer_tensors(metadata, present,
                             {.norms = {"attn_norm"},
                              .norm_bias = true,
                              .fused_qkv = true,
                              .qkv_bias = true,
                              .attention_bias = true,
                              .gating = Gating::none,
                              .feed_forward_bias = true});
}

void describe_phi3(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).scaled_query = true;
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::fused;
    layer.residual_first = true;
  }
}

std::vector<TensorShape> phi3_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.fused_qkv = true, .gating = Gating::fused});
}

void describe_phimoe(const Metadata& metadata, Model& model) {
  describe_phi3(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  for (Layer& layer : model.layers) {
    experts.width = std::get<DenseFeedForward>(layer.feed_forward).width;
    layer.feed_forward = experts;
  }
}

std::vector<TensorShape> phimoe_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_phimoe,
                         {.norm_bias = true, .qkv_bias = true, .attention_bias = true},
                         {"output.weight", "output.bias"});
}

}  // namespace

const Architecture phi2{"phi2", describe_phi2, phi2_tensors};
const Architecture phi3{"phi3", describe_phi3, phi3_tensors};
const Architecture phimoe{"phimoe", describe_phimoe, phimoe_tensors};

}  // namespace membudget::arch
