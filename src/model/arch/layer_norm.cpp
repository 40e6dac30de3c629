// SPDX-License-Identifier: MIT
// Decoders with layer norms and rotary positions: StarCoder2, StableLM 2, Falcon, Nemotron,
// CodeShell, Orion and GPT-NeoX (llama.cpp b10587, src/models/starcoder2.cpp, stablelm.cpp,
// falcon.cpp, nemotron.cpp, codeshell.cpp, orion.cpp, gptneox.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe_nemotron(const Metadata& metadata, Model& model) {
  describe_ungated(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<DenseFeedForward>(layer.feed_forward).squared = true;
  }
}

void describe_falcon(const Metadata& metadata, Model& model) {
  describe_ungated(metadata, model);
  for (Layer& layer : model.layers) {
    layer.residual = Residual::input_last;
  }
}

// The 12B has no norm before its feed-forward, which then reads the one of the attention.
void describe_stablelm(const Metadata& metadata, Model& model) {
  describe_layer_norm(metadata, model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (model.tensors.find(static_cast<std::int64_t>(i), "ffn_norm.weight") == nullptr) {
      model.layers[i].residual = Residual::one_norm;
    }
  }
}

void describe_gptneox(const Metadata& metadata, Model& model) {
  describe_ungated(metadata, model);
  if (metadata.boolean("use_parallel_residual", true)) {
    for (Layer& layer : model.layers) {
      layer.residual = Residual::own_norms;
    }
  }
}

std::vector<TensorShape> starcoder2_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.norm_bias = true,
                              .qkv_bias = true,
                              .attention_bias = true,
                              .gating = Gating::none,
                              .feed_forward_bias = true});
}

std::vector<TensorShape> nemotron_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.norm_bias = true, .gating = Gating::none});
}

std::vector<TensorShape> falcon_tensors(const Metadata& metadata, OptionalTensors optional) {
  Layout layout{
      .norms = {"attn_norm"}, .norm_bias = true, .fused_qkv = true, .gating = Gating::none};
  if (TensorList(metadata, optional).has("attn_norm_2.weight")) {
    layout.norms.emplace_back("attn_norm_2");
  }
  return transformer_tensors(metadata, optional, layout);
}

std::vector<TensorShape> stablelm_tensors(const Metadata& metadata, OptionalTensors optional) {
  const TensorList list(metadata, optional);
  Layout layout{.norms = {"attn_norm"}, .norm_bias = true};
  if (list.has("ffn_norm.weight")) {
    layout.norms.emplace_back("ffn_norm");
  }
  if (list.has("attn_q_norm.weight")) {
    layout.query_key_norm = QueryKeyNorm::each_head;
  }
  return transformer_tensors(metadata, optional, layout);
}

// CodeShell and GPT-NeoX: everything has a bias, and the output is a matrix of its own.
std::vector<TensorShape> biased_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.norm_bias = true,
                              .fused_qkv = true,
                              .qkv_bias = true,
                              .attention_bias = true,
                              .gating = Gating::none,
                              .feed_forward_bias = true,
                              .output = true});
}

std::vector<TensorShape> orion_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.norm_bias = true, .output = true});
}

}  // namespace

const Architecture codeshell{"codeshell", describe_ungated, biased_tensors};
const Architecture falcon{"falcon", describe_falcon, falcon_tensors};
const Architecture gptneox{"gptneox", describe_gptneox, biased_tensors};
const Architecture nemotron{"nemotron", describe_nemotron, nemotron_tensors};
const Architecture orion{"orion", describe_layer_norm, orion_tensors};
const Architecture stablelm{"stablelm", describe_stablelm, stablelm_tensors};
const Architecture starcoder2{"starcoder2", describe_ungated, starcoder2_tensors};

}  // namespace membudget::arch
