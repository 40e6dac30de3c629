// SPDX-License-Identifier: MIT
// RWKV 6 and 7, and Qwen 2.5 with its attention replaced by theirs (llama.cpp b10587,
// src/models/rwkv6.cpp, rwkv7.cpp, rwkv6qwen2.cpp, arwkv7.cpp).
#include <fmt/format.h>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

// The keys that all four share. `shifts` is what the graph asserts token_shift_count to be; the
// engine takes 2 where a file does not state it (llama_hparams).
Rwkv read_rwkv(const Metadata& metadata, int version, std::int64_t shifts) {
  constexpr std::int64_t default_shifts = 2;
  const Rwkv result{.version = version,
                    .head_dim = read_extent(metadata, "wkv.head_size"),
                    .kv_heads = 0,
                    .shifts = metadata.integer("token_shift_count", default_shifts)};
  if (result.shifts != shifts) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("'{}.token_shift_count' is {}, the engine wants {}",
                            metadata.architecture(), result.shifts, shifts));
  }
  const std::int64_t embedding = read_extent(metadata, "embedding_length");
  if (embedding % result.head_dim != 0) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("'{0}.wkv.head_size' {1} does not divide '{0}.embedding_length' {2}",
                            metadata.architecture(), result.head_dim, embedding));
  }
  return result;
}

// RWKV proper: layer norms throughout, one of them on the token embedding.
void describe_own(const Metadata& metadata, Model& model, int version) {
  describe_transformer(metadata, model);
  model.norm = NormKind::layer;
  model.embedding_norm = true;
  const Rwkv rwkv = read_rwkv(metadata, version, 2);
  // Only version 6 halves the hidden state every so many layers.
  const std::int64_t period = version == 6 ? metadata.integer("rescale_every_n_layers", 0) : 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.norm = NormKind::layer;
    layer.feed_forward = ChannelMix{.width = std::get<DenseFeedForward>(layer.feed_forward).width,
                                    .gated = version == 6};
    layer.mixer = rwkv;
    layer.output_scaled = period != 0 && (static_cast<std::int64_t>(i) + 1) % period == 0;
  }
}

void describe_6(const Metadata& metadata, Model& model) {
  describe_own(metadata, model, 6);
}
void describe_7(const Metadata& metadata, Model& model) {
  describe_own(metadata, model, 7);
}

// A transformer with its attention replaced: the feed-forward stays as it was.
void describe_replaced(const Metadata& metadata, Model& model, int version) {
  describe_transformer(metadata, model);
  const Rwkv rwkv = read_rwkv(metadata, version, 1);
  const std::int64_t heads = model.embedding / rwkv.head_dim;
  for (Layer& layer : model.layers) {
    const std::int64_t kv_heads = std::get<Attention>(layer.mixer).kv_heads;
    if (version == 6 && kv_heads != 0 && heads % kv_heads != 0) {
      throw Error(Errc::invalid_model, metadata.where(),
                  fmt::format("{} heads cannot share keys and values of {}", heads, kv_heads));
    }
    Rwkv mixer = rwkv;
    mixer.kv_heads = version == 6 ? kv_heads : 0;
    layer.mixer = mixer;
  }
}

void describe_6_qwen2(const Metadata& metadata, Model& model) {
  describe_replaced(metadata, model, 6);
}
void describe_7_qwen2(const Metadata& metadata, Model& model) {
  describe_replaced(metadata, model, 7);
}

constexpr std::int64_t blends_6 = 5;
constexpr std::int64_t blends_7 = 6;  // One less without a gate.

void list_time_mix_6(TensorList& list, const Metadata& metadata, const Rwkv& rwkv,
                     std::int64_t layer, bool own) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t heads = embedding / rwkv.head_dim;
  const std::int64_t shared = rwkv.kv_heads == 0 ? embedding : rwkv.kv_heads * rwkv.head_dim;
  const std::int64_t rank = read_extent(metadata, "time_mix_extra_dim");
  const std::int64_t decay_rank = read_extent(metadata, "time_decay_extra_dim");
  list.linear(layer, "time_mix_w1", embedding, blends_6 * rank);
  list.add(layer, "time_mix_w2.weight", {rank, embedding, blends_6});
  list.add(layer, "time_mix_lerp_x.weight", {embedding});
  if (list.has("time_mix_lerp_w.weight")) {
    for (const char which : {'w', 'k', 'v', 'r', 'g'}) {
      list.add(layer, fmt::format("time_mix_lerp_{}.weight", which), {embedding});
    }
  } else {
    list.add(layer, "time_mix_lerp_fused.weight", {embedding, 1, 1, blends_6});
  }
  if (own) {
    list.add(layer, "time_mix_first.weight", {rwkv.head_dim, heads});
    list.norm(layer, "time_mix_ln", embedding, true);
  }
  list.add(layer, "time_mix_decay.weight", {embedding});
  list.linear(layer, "time_mix_decay_w1", embedding, decay_rank);
  list.linear(layer, "time_mix_decay_w2", decay_rank, embedding);
  list.linear(layer, "time_mix_key", embedding, shared);
  list.linear(layer, "time_mix_value", embedding, shared);
  list.linear(layer, "time_mix_receptance", embedding, embedding);
  list.linear(layer, "time_mix_gate", embedding, embedding);
  list.linear(layer, "time_mix_output", embedding, embedding);
}

void list_time_mix_7(TensorList& list, const Metadata& metadata, std::int64_t layer, bool own) {
  const std::int64_t embedding = list.dimensions().embedding;
  const auto small = [&](char which, std::int64_t rank) {
    list.add(layer, fmt::format("time_mix_{}1.weight", which), {embedding, rank});
    list.add(layer, fmt::format("time_mix_{}2.weight", which), {rank, embedding});
  };
  const auto row = [&](std::string_view name) {
    list.add(layer, fmt::format("time_mix_{}.weight", name), {embedding});
  };
  const std::int64_t decay_rank = read_extent(metadata, "attention.decay_lora_rank");
  const std::int64_t rate_rank = read_extent(metadata, "attention.iclr_lora_rank");
  // The first layer's is there, of another rank, and never read.
  const std::int64_t value_rank =
      layer == 0 ? rate_rank : read_extent(metadata, "attention.value_residual_mix_lora_rank");
  const std::int64_t gate_rank = metadata.integer("attention.gate_lora_rank", 0);
  small('w', decay_rank);
  small('a', rate_rank);
  small('v', value_rank);
  if (own || gate_rank > 0) {
    small('g', read_extent(metadata, "attention.gate_lora_rank"));
  }
  for (const std::string_view name : {"w0", "a0", "v0", "k_k", "k_a", "r_k"}) {
    row(name);
  }
  list.add(layer, "time_mix_lerp_fused.weight",
           {embedding, 1, 1, own || gate_rank > 0 ? blends_7 : blends_7 - 1});
  for (const std::string_view name : {"key", "value", "receptance", "output"}) {
    list.add(layer, fmt::format("time_mix_{}.weight", name), {embedding, embedding});
  }
  if (own || list.has("time_mix_ln.weight")) {
    list.norm(layer, "time_mix_ln", embedding, true);
  }
}

std::vector<TensorShape> list_all(const Metadata& metadata, OptionalTensors optional,
                                  void (*describe)(const Metadata&, Model&), bool own) {
  TensorList list(metadata, optional);
  Model model;
  describe(metadata, model);
  const std::int64_t embedding = list.dimensions().embedding;
  list.embedding_and_head({.norm_bias = own});
  if (own) {
    list.norm(-1, "token_embd_norm", embedding, true);
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const Rwkv& rwkv = std::get<Rwkv>(model.layers[i].mixer);
    list.norm(index, "attn_norm", embedding, own);
    if (rwkv.version == 6) {
      list_time_mix_6(list, metadata, rwkv, index, own);
    } else {
      list_time_mix_7(list, metadata, index, own);
    }
    if (!own) {
      list.norm(index, "ffn_norm", embedding);
      list.feed_forward(index);
      continue;
    }
    const auto& channels = std::get<ChannelMix>(model.layers[i].feed_forward);
    list.norm(index, "attn_norm_2", embedding, true);
    list.add(index, "channel_mix_lerp_k.weight", {embedding});
    list.linear(index, "channel_mix_key", embedding, channels.width);
    list.linear(index, "channel_mix_value", channels.width, embedding);
    if (channels.gated) {
      list.add(index, "channel_mix_lerp_r.weight", {embedding});
      list.linear(index, "channel_mix_receptance", embedding, embedding);
    }
  }
  return list.take();
}

std::vector<TensorShape> tensors_6(const Metadata& metadata, OptionalTensors optional) {
  return list_all(metadata, optional, describe_6, true);
}
std::vector<TensorShape> tensors_7(const Metadata& metadata, OptionalTensors optional) {
  return list_all(metadata, optional, describe_7, true);
}
std::vector<TensorShape> tensors_6_qwen2(const Metadata& metadata, OptionalTensors optional) {
  return list_all(metadata, optional, describe_6_qwen2, false);
}
std::vector<TensorShape> tensors_7_qwen2(const Metadata& metadata, OptionalTensors optional) {
  return list_all(metadata, optional, describe_7_qwen2, false);
}

}  // namespace

const Architecture rwkv6{"rwkv6", describe_6, tensors_6};
const Architecture rwkv6qwen2{"rwkv6qwen2", describe_6_qwen2, tensors_6_qwen2};
const Architecture rwkv7{"rwkv7", describe_7, tensors_7};
const Architecture arwkv7{"arwkv7", describe_7_qwen2, tensors_7_qwen2};

}  // namespace membudget::arch
