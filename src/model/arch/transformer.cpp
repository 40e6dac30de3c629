// SPDX-License-Identifier: MIT
#include "model/arch/transformer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "membudget/error.hpp"

namespace membudget {
namespace {

// Far above any model, far below what would make a plan slow or a product overflow.
constexpr std::int64_t max_layers = 4096;
constexpr std::int64_t max_extent = std::int64_t{1} << 32;

void check_extent(const Metadata& metadata, std::string_view key, std::int64_t value,
                  std::int64_t most) {
  if (value < 1 || value > most) {
    throw Error(Errc::invalid_model, metadata.place_of(key),
                fmt::format("metadata key '{}.{}' is {}, which no model has",
                            metadata.architecture(), key, value));
  }
}

void check_extents(const Metadata& metadata, std::string_view key,
                   const std::vector<std::int64_t>& values) {
  for (const std::int64_t value : values) {
    if (value > max_extent) {
      check_extent(metadata, key, value, max_extent);
    }
  }
}

// llama.h, enum llama_pooling_type
Pooling pooling_of(const Metadata& metadata) {
  constexpr std::array kinds{Pooling::none, Pooling::mean, Pooling::first, Pooling::last,
                             Pooling::rank};
  const std::int64_t kind = metadata.integer("pooling_type", 0);
  if (kind >= static_cast<std::int64_t>(kinds.size())) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("metadata key '{}.pooling_type' is {}, which the engine does not know",
                            metadata.architecture(), kind));
  }
  return kinds.at(static_cast<std::size_t>(kind));
}

}  // namespace

std::int64_t read_extent(const Metadata& metadata, std::string_view key) {
  // Low enough that the product of any three and a type's size does not overflow.
  constexpr std::int64_t most = std::int64_t{1} << 20;
  const std::int64_t value = metadata.integer(key);
  check_extent(metadata, key, value, most);
  return value;
}

void take_rope_axes(const Metadata& metadata, Model& model) {
  const std::vector<std::int64_t> sections = metadata.per_layer("rope.dimension_sections", 2, 0);
  if (sections[0] > 0 && sections[1] > 0) {
    model.position_axes = mrope_axes;
  }
}

Dimensions read_dimensions(const Metadata& metadata) {
  Dimensions result;
  result.layers = metadata.integer("block_count");
  check_extent(metadata, "block_count", result.layers, max_layers);
  result.embedding = metadata.integer("embedding_length");
  check_extent(metadata, "embedding_length", result.embedding, max_extent);
  result.vocabulary =
      metadata.integer("vocab_size", metadata.array_length("tokenizer.ggml.tokens").value_or(0));
  result.heads = metadata.per_layer("attention.head_count", result.layers, 0);
  result.kv_heads = result.heads;
  if (metadata.has(fmt::format("{}.attention.head_count_kv", metadata.architecture()))) {
    result.kv_heads = metadata.per_layer("attention.head_count_kv", result.layers);
  }
  result.width = metadata.per_layer("feed_forward_length", result.layers, 0);
  check_extents(metadata, "attention.head_count", result.heads);
  check_extents(metadata, "attention.head_count_kv", result.kv_heads);
  check_extents(metadata, "feed_forward_length", result.width);
  const std::int64_t heads = *std::max_element(result.heads.begin(), result.heads.end());
  const std::int64_t head = heads == 0 ? 0 : result.embedding / heads;
  result.key_dim = metadata.integer("attention.key_length", head);
  result.value_dim = metadata.integer("attention.value_length", head);
  result.rotary_dim = metadata.integer("rope.dimension_count", result.key_dim);
  check_extents(metadata, "attention.key_length", {result.key_dim, result.value_dim});
  return result;
}

void describe_transformer(const Metadata& metadata, Model& model) {
  const Dimensions dimensions = read_dimensions(metadata);
  model.architecture = metadata.architecture();
  model.trained_context = metadata.integer("context_length", 0);
  model.original_context =
      metadata.integer("rope.scaling.original_context_length", model.trained_context);
  model.embedding = dimensions.embedding;
  model.vocabulary = dimensions.vocabulary;
  model.causal = metadata.boolean("attention.causal", true);
  model.pooling = pooling_of(metadata);
  model.experts = metadata.integer("expert_count", 0);
  model.experts_used = metadata.integer("expert_used_count", 0);
  if (const Tensor* table = model.tensors.find("token_embd.weight"); table != nullptr) {
    model.vocabulary = table->shape[1];
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(dimensions.layers); ++i) {
    Layer layer;
    layer.mixer = Attention{.heads = dimensions.heads[i],
                            .kv_heads = dimensions.kv_heads[i],
                            .key_dim = dimensions.key_dim,
                            .value_dim = dimensions.value_dim};
    layer.feed_forward = DenseFeedForward{.width = dimensions.width[i]};
    model.layers.push_back(layer);
  }
}

void describe_layer_norm(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.norm = NormKind::layer;
  for (Layer& layer : model.layers) {
    layer.norm = NormKind::layer;
    std::get<Attention>(layer.mixer).norm = NormKind::layer;
  }
}

void describe_ungated(const Metadata& metadata, Model& model) {
  describe_layer_norm(metadata, model);
  for (Layer& layer : model.layers) {
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::none;
  }
}

TensorList::TensorList(const Metadata& metadata, OptionalTensors optional)
    : dimensions_(read_dimensions(metadata)), optional_(optional) {}

bool TensorList::has(std::string_view suffix) const {
  return std::find(optional_.begin(), optional_.end(), suffix) != optional_.end();
}

void TensorList::add(std::string name, std::initializer_list<std::int64_t> shape) {
  TensorShape tensor;
  tensor.name = std::move(name);
  std::copy(shape.begin(), shape.end(), tensor.shape.begin());
  shapes_.push_back(std::move(tensor));
}

void TensorList::add(std::int64_t layer, std::string_view suffix,
                     std::initializer_list<std::int64_t> shape) {
  add(layer < 0 ? std::string(suffix) : fmt::format("blk.{}.{}", layer, suffix), shape);
}

void TensorList::linear(std::int64_t layer, std::string_view name, std::int64_t in,
                        std::int64_t out, bool bias) {
  add(layer, fmt::format("{}.weight", name), {in, out});
  if (const std::string full = fmt::format("{}.bias", name); bias || has(full)) {
    add(layer, full, {out});
  }
}

void TensorList::norm(std::int64_t layer, std::string_view name, std::int64_t width, bool bias) {
  add(layer, fmt::format("{}.weight", name), {width});
  if (const std::string full = fmt::format("{}.bias", name); bias || has(full)) {
    add(layer, full, {width});
  }
}

void TensorList::embedding_and_head(const Layout& layout) {
  const Dimensions& d = dimensions_;
  add("token_embd.weight", {d.embedding, d.vocabulary});
  if (layout.output_norm) {
    norm(-1, "output_norm", d.embedding, layout.norm_bias);
  }
  if (layout.output || has("output.weight")) {
    linear(-1, "output", d.embedding, d.vocabulary);
  }
  for (const std::string_view table :
       {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}) {
    if (has(table)) {
      add(std::string(table), {d.rotary_dim / 2});
    }
  }
}

void TensorList::norms(std::int64_t layer, const Layout& layout) {
  for (const std::string_view name : layout.norms) {
    norm(layer, name, dimensions_.embedding, layout.norm_bias);
  }
}

void TensorList::attention(std::int64_t layer, const Layout& layout) {
  const Dimensions& d = dimensions_;
  const auto i = static_cast<std::size_t>(layer);
  const std::int64_t queries = d.heads[i] * d.key_dim;
  const std::int64_t keys = d.kv_heads[i] * d.key_dim;
  const std::int64_t values = d.kv_heads[i] * d.value_dim;
  if (layout.fused_qkv) {
    linear(layer, "attn_qkv", d.embedding, queries + keys + values, layout.qkv_bias);
  } else {
    linear(layer, "attn_q", d.embedding, queries, layout.qkv_bias);
    linear(layer, "attn_k", d.embedding, keys, layout.qkv_bias);
    linear(layer, "attn_v", d.embedding, values, layout.qkv_bias);
  }
  linear(layer, "attn_output", d.heads[i] * d.value_dim, d.embedding, layout.attention_bias);
  if (layout.attention_gate != AttentionGate::none) {
    const bool whole = layout.attention_gate == AttentionGate::per_element;
    linear(layer, "attn_gate", d.embedding, whole ? d.heads[i] * d.value_dim : d.heads[i]);
  }
  switch (layout.query_key_norm) {
    case QueryKeyNorm::none:
      break;
    case QueryKeyNorm::per_head:
      add(layer, "attn_q_norm.weight", {d.key_dim});
      add(layer, "attn_k_norm.weight", {d.key_dim});
      break;
    case QueryKeyNorm::across_heads:
      add(layer, "attn_q_norm.weight", {queries});
      add(layer, "attn_k_norm.weight", {keys});
      break;
    case QueryKeyNorm::each_head:
      add(layer, "attn_q_norm.weight", {d.key_dim, d.heads[i]});
      add(layer, "attn_k_norm.weight", {d.key_dim, d.kv_heads[i]});
      break;
  }
}

void TensorList::feed_forward(std::int64_t layer, const Layout& layout) {
  const Dimensions& d = dimensions_;
  const std::int64_t width = d.width[static_cast<std::size_t>(layer)];
  const bool bias = layout.feed_forward_bias;
  if (layout.gating == Gating::split) {
    linear(layer, "ffn_gate", d.embedding, width, bias);
  }
  linear(layer, "ffn_up", d.embedding, layout.gating == Gating::fused ? 2 * width : width, bias);
  linear(layer, "ffn_down", width, d.embedding, bias);
}

void TensorList::transformer(const Layout& layout) {
  embedding_and_head(layout);
  for (std::int64_t i = 0; i < dimensions_.layers; ++i) {
    norms(i, layout);
    attention(i, layout);
    feed_forward(i, layout);
  }
}

std::vector<TensorShape> transformer_tensors(const Metadata& metadata, OptionalTensors optional,
                                             const Layout& layout) {
  TensorList list(metadata, optional);
  list.transformer(layout);
  return list.take();
}

void slide(Model& model, std::int64_t window, std::int64_t period, bool full_first) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    auto* attention = std::get_if<Attention>(&model.layers[i].mixer);
    if (attention == nullptr) {
      continue;
    }
    const auto place = period == 0 ? 0 : static_cast<std::int64_t>(i) % period;
    const bool slides = period == 0 || (full_first ? place != 0 : place < period - 1);
    attention->window = slides ? window : 0;
  }
}

void slide_where_listed(const Metadata& metadata, Model& model) {
  const std::int64_t window = metadata.integer("attention.sliding_window");
  const std::vector<std::int64_t> slides = metadata.per_layer(
      "attention.sliding_window_pattern", static_cast<std::int64_t>(model.layers.size()));
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    std::get<Attention>(model.layers[i].mixer).window = slides[i] != 0 ? window : 0;
  }
}

std::int64_t sliding_period(const Metadata& metadata, std::int64_t fallback) {
  constexpr std::string_view key = "attention.sliding_window_pattern";
  const Metadata::Value* value = metadata.find(fmt::format("{}.{}", metadata.architecture(), key));
  return value != nullptr && std::holds_alternative<std::int64_t>(*value) ? metadata.integer(key)
                                                                          : fallback;
}

}  // namespace membudget
