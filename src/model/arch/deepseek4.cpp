// SPDX-License-Identifier: MIT
// DeepSeek-V4: attention to a window and to summaries of older tokens, hyper-connections, experts
// that the first layers choose by the token (llama.cpp b10587, src/models/deepseek4.cpp).
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

[[noreturn]] void refuse(const Metadata& metadata, const std::string& problem) {
  throw Error(Errc::invalid_model, metadata.where(), problem);
}

constexpr std::int64_t overlapping_ratio = 4;
constexpr std::int64_t long_ratio = 128;

CompressedAttention read_attention(const Metadata& metadata, const Dimensions& dimensions) {
  CompressedAttention result{
      .heads = dimensions.heads.front(),
      .head_dim = dimensions.key_dim,
      .query_rank = read_extent(metadata, "attention.q_lora_rank"),
      .output_groups = read_extent(metadata, "attention.output_group_count"),
      .output_rank = read_extent(metadata, "attention.output_lora_rank"),
      .window = read_extent(metadata, "attention.sliding_window"),
      .indexer = {.heads = read_extent(metadata, "attention.indexer.head_count"),
                  .key_dim = read_extent(metadata, "attention.indexer.key_length"),
                  .top_k = read_extent(metadata, "attention.indexer.top_k")}};
  if (dimensions.key_dim < 1 || dimensions.key_dim != dimensions.value_dim ||
      result.heads % result.output_groups != 0) {
    refuse(metadata, fmt::format("the engine needs keys as wide as values and output groups of "
                                 "equal size, not {} and {}, {} heads in {} groups",
                                 dimensions.key_dim, dimensions.value_dim, result.heads,
                                 result.output_groups));
  }
  return result;
}

// A file can lack the block for drafting that its metadata counts.
bool has_draft_block(const Metadata& metadata, const Model& model) {
  const std::int64_t drafts = metadata.integer("nextn_predict_layers", 0);
  const std::int64_t first = metadata.integer("block_count") - drafts;
  return drafts > 0 && (model.tensors.all().empty() ||
                        model.tensors.find(first, "nextn.eh_proj.weight") != nullptr);
}

void describe_feed_forward(const Metadata& metadata, Model& model) {
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::soft_max);
  if (experts.routing != Routing::sqrt_soft_plus) {
    refuse(metadata,
           fmt::format("'{}.expert_gating_func' is not 4 (the root of a soft plus), which "
                       "the engine refuses",
                       metadata.architecture()));
  }
  experts.shared_width = experts.width * metadata.integer("expert_shared_count");
  const std::size_t layers = model.layers.size();
  const std::vector<Limit> routed =
      read_limits(metadata, "swiglu_clamp_exp", layers, Limit::clamped);
  const bool own = metadata.has(metadata.architecture() + ".swiglu_clamp_shexp");
  const std::vector<Limit> shared =
      own ? read_limits(metadata, "swiglu_clamp_shexp", layers, Limit::clamped) : routed;
  for (std::size_t i = 0; i < layers; ++i) {
    experts.limit = routed[i];
    experts.shared_limit = shared[i];
    model.layers[i].feed_forward = experts;
  }
}

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const Dimensions dimensions = read_dimensions(metadata);
  constexpr std::int64_t states = 4;
  model.hidden_states = metadata.integer("hyper_connection.count");
  model.sinkhorn_steps = read_extent(metadata, "hyper_connection.sinkhorn_iterations");
  if (model.hidden_states != states) {
    refuse(metadata, fmt::format("'{}.hyper_connection.count' is {}, where the engine needs {}",
                                 metadata.architecture(), model.hidden_states, states));
  }
  const CompressedAttention attention = read_attention(metadata, dimensions);
  const std::vector<std::int64_t> ratios =
      metadata.per_layer("attention.compress_ratios", dimensions.layers);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (ratios[i] != 0 && ratios[i] != overlapping_ratio && ratios[i] != long_ratio) {
      refuse(metadata,
             fmt::format("'{}.attention.compress_ratios' holds {}; the engine knows 0, "
                         "{} and {}",
                         metadata.architecture(), ratios[i], overlapping_ratio, long_ratio));
    }
    CompressedAttention mixer = attention;
    mixer.ratio = ratios[i];
    model.layers[i].mixer = mixer;
    model.layers[i].residual = Residual::hyper_connected;
  }
  describe_feed_forward(metadata, model);
  if (has_draft_block(metadata, model)) {
    drop_draft_layers(metadata, model, true);
    model.drafts = true;
  }
}

void list_compressor(TensorList& list, std::int64_t layer, std::string_view name,
                     std::int64_t width, std::int64_t ratio) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t overlap = ratio == overlapping_ratio ? 2 : 1;
  list.linear(layer, fmt::format("{}_kv", name), embedding, overlap * width);
  list.linear(layer, fmt::format("{}_gate", name), embedding, overlap * width);
  list.add(layer, fmt::format("{}_ape.weight", name), {overlap * width, ratio});
  list.norm(layer, fmt::format("{}_norm", name), width);
}

void list_attention(TensorList& list, const CompressedAttention& attention, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t queries = attention.heads * attention.head_dim;
  const std::int64_t outputs = attention.output_groups * attention.output_rank;
  list.add(layer, "attn_sinks.weight", {attention.heads});
  list.linear(layer, "attn_q_a", embedding, attention.query_rank);
  list.norm(layer, "attn_q_a_norm", attention.query_rank);
  list.linear(layer, "attn_q_b", attention.query_rank, queries);
  list.linear(layer, "attn_kv", embedding, attention.head_dim);
  list.norm(layer, "attn_kv_a_norm", attention.head_dim);
  list.linear(layer, "attn_output_a", queries / attention.output_groups, outputs);
  list.linear(layer, "attn_output_b", outputs, embedding);
  if (attention.ratio > 0) {
    list_compressor(list, layer, "attn_compressor", attention.head_dim, attention.ratio);
  }
  if (attention.ratio == overlapping_ratio) {
    const Indexer& indexer = attention.indexer;
    list.linear(layer, "indexer.proj", embedding, indexer.heads);
    list.linear(layer, "indexer.attn_q_b", attention.query_rank, indexer.heads * indexer.key_dim);
    list_compressor(list, layer, "indexer_compressor", indexer.key_dim, attention.ratio);
  }
}

void list_hyper_connections(TensorList& list, std::int64_t states, std::int64_t layer) {
  const std::int64_t width = states * list.dimensions().embedding;
  const std::int64_t mixes = (2 + states) * states;
  for (const std::string_view name : {"hc_attn", "hc_ffn"}) {
    list.linear(layer, fmt::format("{}_fn", name), width, mixes);
    list.add(layer, fmt::format("{}_base.weight", name), {mixes});
    list.add(layer, fmt::format("{}_scale.weight", name), {3});
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  Model model;
  describe(metadata, model);
  const std::int64_t states = model.hidden_states;
  list.embedding_and_head();
  list.linear(-1, "output_hc_fn", states * model.embedding, states);
  list.add("output_hc_base.weight", {states});
  list.add("output_hc_scale.weight", {1});
  const std::int64_t hashed = metadata.integer("hash_layer_count");
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  for (std::int64_t i = 0; i < layers + model.draft_layers; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(std::min(i, layers - 1))];
    auto attention = std::get<CompressedAttention>(layer.mixer);
    attention.ratio = i < layers ? attention.ratio : 0;
    const auto& experts = std::get<Experts>(layer.feed_forward);
    list.norms(i);
    list_attention(list, attention, i);
    list_hyper_connections(list, states, i);
    list_experts(list, experts, i);
    if (i < hashed) {
      list.add(i, "ffn_gate_tid2eid.weight", {experts.used, list.dimensions().vocabulary});
    } else {
      list.add(i, "exp_probs_b.bias", {experts.count});
    }
    if (i >= layers) {
      list_predictor(list, i);
    }
  }
  return list.take();
}

}  // namespace

const Architecture deepseek4{"deepseek4", describe, tensors};

}  // namespace membudget::arch
