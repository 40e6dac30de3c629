// SPDX-License-Identifier: MIT
// BERT and what descends from it: nomic-embed, Jina's embeddings, bge
// (llama.cpp b10587, src/models/bert.cpp builds the graph of all of them).
#include <string>

#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

// Layers i with i % period == 1 hold experts; 0: none do.
std::int64_t expert_period(const Metadata& metadata) {
  return metadata.integer("moe_every_n_layers", 0);
}

bool holds_experts(std::int64_t period, std::int64_t layer) {
  return period > 0 && layer % period == 1;
}

void describe(const Metadata& metadata, Model& model, bool rope, Gating gating) {
  describe_transformer(metadata, model);
  model.cached = false;
  model.output_layer = false;
  model.logits = false;
  model.embedding_norm = true;
  model.position_first = true;
  const std::int64_t period = expert_period(metadata);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.norm = NormKind::layer;
    layer.residual = Residual::normed_sums;
    auto& attention = std::get<Attention>(layer.mixer);
    attention.rope = rope;
    attention.norm = NormKind::layer;
    attention.norm_across_heads = true;
    const std::int64_t width = std::get<DenseFeedForward>(layer.feed_forward).width;
    if (holds_experts(period, static_cast<std::int64_t>(i))) {
      layer.feed_forward = Experts{.count = model.experts,
                                   .used = model.experts_used,
                                   .width = width,
                                   .gating = Gating::none};
    } else {
      std::get<DenseFeedForward>(layer.feed_forward).gating = gating;
    }
  }
}

void describe_bert(const Metadata& metadata, Model& model) {
  describe(metadata, model, false, Gating::none);
}

void describe_nomic(const Metadata& metadata, Model& model) {
  describe(metadata, model, true, Gating::split);
}

void describe_rotary(const Metadata& metadata, Model& model) {
  describe(metadata, model, true, Gating::none);
}

// Positions are a bias of the scores (ALiBi). The file decides how the feed-forward is gated.
void describe_jina_v2(const Metadata& metadata, Model& model) {
  describe(metadata, model, false, Gating::none);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    auto& dense = std::get<DenseFeedForward>(model.layers[i].feed_forward);
    const Tensor* up = model.tensors.find(layer, "ffn_up.weight");
    if (model.tensors.find(layer, "ffn_gate.weight") != nullptr) {
      dense.gating = Gating::split;
    } else if (up != nullptr && up->shape[1] != dense.width) {
      dense.gating = Gating::fused;
    }
  }
}

// A BERT holds biases of its norms, in some of its layers experts, and tables for the input.
std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional,
                                 const Layout& layout, bool learned_positions = false) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.add("token_embd.weight", {d.embedding, d.vocabulary});
  list.norm(-1, "token_embd_norm", d.embedding, true);
  const auto* types = metadata.find("tokenizer.ggml.token_type_count");
  if (types != nullptr && std::get<std::int64_t>(*types) > 0) {
    list.add("token_types.weight", {d.embedding, std::get<std::int64_t>(*types)});
  }
  if (learned_positions) {
    list.add("position_embd.weight", {d.embedding, metadata.integer("context_length")});
  }
  const std::int64_t period = expert_period(metadata);
  const std::int64_t experts = metadata.integer("expert_count", 0);
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const std::int64_t width = d.width[static_cast<std::size_t>(i)];
    list.attention(i, layout);
    list.norm(i, "attn_output_norm", d.embedding, true);
    if (holds_experts(period, i)) {
      list.add(i, "ffn_gate_inp.weight", {d.embedding, experts});
      list.add(i, "ffn_up_exps.weight", {d.embedding, width, experts});
      list.add(i, "ffn_down_exps.weight", {width, d.embedding, experts});
    } else {
      list.feed_forward(i, layout);
    }
    list.norm(i, "layer_output_norm", d.embedding, true);
  }
  return list.take();
}

std::vector<TensorShape> bert_tensors(const Metadata& metadata, OptionalTensors optional) {
  const Layout layout{
      .qkv_bias = true, .attention_bias = true, .gating = Gating::none, .feed_forward_bias = true};
  return tensors(metadata, optional, layout, true);
}

std::vector<TensorShape> nomic_tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors(metadata, optional, {.fused_qkv = true});
}

std::vector<TensorShape> rotary_tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors(metadata, optional,
                 {.fused_qkv = true,
                  .qkv_bias = true,
                  .attention_bias = true,
                  .gating = Gating::none,
                  .feed_forward_bias = true});
}

// Gate and up projection go without a bias.
std::vector<TensorShape> jina_v2_tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.emplace_back("ffn_down.bias");
  return tensors(metadata, present, {.qkv_bias = true, .attention_bias = true});
}

}  // namespace

const Architecture bert{"bert", describe_bert, bert_tensors};
const Architecture nomic_bert{"nomic-bert", describe_nomic, nomic_tensors};
const Architecture nomic_bert_moe{"nomic-bert-moe", describe_rotary, rotary_tensors};
const Architecture jina_bert_v2{"jina-bert-v2", describe_jina_v2, jina_v2_tensors};
const Architecture jina_bert_v3{"jina-bert-v3", describe_rotary, rotary_tensors};

}  // namespace membudget::arch
