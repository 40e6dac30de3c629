// SPDX-License-Identifier: MIT
// Kimi-K3: Kimi Linear's two mixers with gates of full rank, experts in a narrower space, and
// attention over depth in place of plain residuals (llama.cpp b10587, src/models/kimi-k3.cpp).
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

DeltaNet read_delta_net(const Metadata& metadata, std::int64_t heads) {
  const std::int64_t head_dim = read_extent(metadata, "kda.head_dim");
  return {.conv_width = read_extent(metadata, "ssm.conv_kernel"),
          .key_heads = heads,
          .value_heads = heads,
          .key_dim = head_dim,
          .value_dim = head_dim,
          .by_channel = true,
          .bounded_decay = metadata.has(metadata.architecture() + ".kda.gate_lower_bound")};
}

LatentAttention read_latent_attention(const Metadata& metadata, const Dimensions& dimensions) {
  const LatentAttention result{
      .heads = dimensions.heads.front(),
      .latent_dim = read_extent(metadata, "attention.kv_lora_rank"),
      .rope_dim = dimensions.rotary_dim,
      .nope_dim = read_extent(metadata, "attention.key_length_mla") - dimensions.rotary_dim,
      .value_dim = read_extent(metadata, "attention.value_length_mla"),
      .query_rank = metadata.integer("attention.q_lora_rank", 0),
      .rope = false};
  if (result.nope_dim < 1) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("'{0}.attention.key_length_mla' is not more than "
                            "'{0}.rope.dimension_count'",
                            metadata.architecture()));
  }
  return result;
}

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const Dimensions dimensions = read_dimensions(metadata);
  const DeltaNet delta_net = read_delta_net(metadata, dimensions.heads.front());
  const LatentAttention attention = read_latent_attention(metadata, dimensions);
  // A beta of 0 or less leaves the up projection as it is.
  const Limit limit =
      metadata.real("activation.situ_linear_beta", 0) > 0 ? Limit::smooth : Limit::smooth_gate;
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.shared_width =
      experts.width * std::max<std::int64_t>(metadata.integer("expert_shared_count"), 1);
  experts.latent_dim = metadata.integer("expert_latent_length", 0);
  experts.limit = experts.shared_limit = limit;
  put_experts(metadata, model, experts);
  const std::int64_t period = metadata.integer("attn_res.block_size");
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.residual = Residual::attended;
    layer.input_put_aside = period > 0 && static_cast<std::int64_t>(i) % period == 0;
    if (auto* dense = std::get_if<DenseFeedForward>(&layer.feed_forward)) {
      dense->limit = limit;
    }
    if (dimensions.kv_heads[i] == 0) {
      layer.mixer = delta_net;
    } else {
      layer.mixer = attention;
    }
  }
}

void list_delta_net(TensorList& list, const DeltaNet& net, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t channels = net.value_heads * net.value_dim;
  for (const char which : {'q', 'k', 'v'}) {
    list.linear(layer, fmt::format("attn_{}", which), embedding, channels);
    list.add(layer, fmt::format("ssm_conv1d_{}.weight", which), {net.conv_width, 1, channels});
  }
  list.linear(layer, "ssm_f_a", embedding, net.key_dim);
  list.linear(layer, "ssm_f_b", net.key_dim, channels);
  list.linear(layer, "ssm_beta", embedding, net.value_heads);
  list.add(layer, "ssm_a", {net.value_heads});
  list.add(layer, "ssm_dt.bias", {channels});
  list.linear(layer, "ssm_g", embedding, channels);
  list.norm(layer, "ssm_norm", net.value_dim);
  list.linear(layer, "attn_output", channels, embedding);
}

void list_latent_attention(TensorList& list, const LatentAttention& attention, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t queries = attention.heads * (attention.nope_dim + attention.rope_dim);
  const std::int64_t values = attention.heads * attention.value_dim;
  if (attention.query_rank > 0) {
    list.linear(layer, "attn_q_a", embedding, attention.query_rank);
    list.norm(layer, "attn_q_a_norm", attention.query_rank);
    list.linear(layer, "attn_q_b", attention.query_rank, queries);
  } else {
    list.linear(layer, "attn_q", embedding, queries);
  }
  list.linear(layer, "attn_kv_a_mqa", embedding, attention.key_width());
  list.norm(layer, "attn_kv_a_norm", attention.latent_dim);
  list.add(layer, "attn_k_b.weight", {attention.nope_dim, attention.latent_dim, attention.heads});
  list.add(layer, "attn_v_b.weight", {attention.latent_dim, attention.value_dim, attention.heads});
  list.linear(layer, "attn_gate", embedding, values);
  list.linear(layer, "attn_output", values, embedding);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  for (const std::string_view always :
       {"exp_probs_b.bias", "ffn_routed_down.weight", "ffn_routed_norm.weight"}) {
    present.emplace_back(always);
  }
  TensorList list(metadata, present);
  Model model;
  describe(metadata, model);
  list.embedding_and_head();
  const bool attended = metadata.integer("attn_res.block_size") > 0;
  const std::int64_t embedding = list.dimensions().embedding;
  if (attended) {
    list.norm(-1, "output_res_score", embedding);
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const auto index = static_cast<std::int64_t>(i);
    list.norms(index);
    if (attended) {
      list.norm(index, "attn_res_score", embedding);
      list.norm(index, "ffn_res_score", embedding);
    }
    if (const auto* delta_net = std::get_if<DeltaNet>(&layer.mixer)) {
      list_delta_net(list, *delta_net, index);
    } else {
      list_latent_attention(list, std::get<LatentAttention>(layer.mixer), index);
    }
    if (const auto* experts = std::get_if<Experts>(&layer.feed_forward)) {
      list_experts(list, *experts, index);
    } else {
      list.feed_forward(index);
    }
  }
  return list.take();
}

}  // namespace

const Architecture kimi_k3{"kimi-k3", describe, tensors};

}  // namespace membudget::arch
