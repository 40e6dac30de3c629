// SPDX-License-Identifier: MIT
// Decoders with layer norms whose attention knows no rotation: GPT-2 and StarCoder add a learned
// position to the token embedding, MPT and BLOOM (mostly) bias the scores by distance, which costs
// no memory (llama.cpp b10587, src/models/gpt2.cpp, starcoder.cpp, mpt.cpp, bloom.cpp).
#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_ungated(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).rope = false;
  }
}

void describe_bloom(const Metadata& metadata, Model& model) {
  describe(metadata, model);
  model.embedding_norm = true;
}

void describe_mpt(const Metadata& metadata, Model& model) {
  describe(metadata, model);
  // The engine wants to reshape views of the fused projection, which ggml refuses.
  if (model.tensors.find(0, "attn_q_norm.weight") != nullptr) {
    throw Error(Errc::unsupported, metadata.where(),
                "the engine stops at MPT models that normalise queries and keys");
  }
  const bool clamped = metadata.real("attention.clamp_kqv", 0) > 0;
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).clamped = clamped;
  }
}

constexpr std::string_view positions = "position_embd.weight";

void list_positions(TensorList& list, const Metadata& metadata) {
  list.add(std::string(positions),
           {list.dimensions().embedding, metadata.integer("context_length")});
}

Layout biased() {
  return {.norm_bias = true,
          .fused_qkv = true,
          .qkv_bias = true,
          .attention_bias = true,
          .gating = Gating::none,
          .feed_forward_bias = true};
}

std::vector<TensorShape> gpt2_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  list_positions(list, metadata);
  list.transformer(biased());
  return list.take();
}

std::vector<TensorShape> bloom_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  list.norm(-1, "token_embd_norm", list.dimensions().embedding, true);
  list.transformer(biased());
  return list.take();
}

// Biases are optional in MPT, all of them, and the models that have been published have none.
std::vector<TensorShape> mpt_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  if (list.has(positions)) {
    list_positions(list, metadata);
  }
  list.transformer({.fused_qkv = true, .gating = Gating::none});
  return list.take();
}

}  // namespace

const Architecture bloom{"bloom", describe_bloom, bloom_tensors};
const Architecture gpt2{"gpt2", describe, gpt2_tensors};
const Architecture mpt{"mpt", describe_mpt, mpt_tensors};
const Architecture starcoder{"starcoder", describe, gpt2_tensors};

}  // namespace membudget::arch
