// SPDX-License-Identifier: MIT
// Kimi Linear: three layers of a gated delta net that decays by channel to one of latent attention
// without positions (llama.cpp b10587, src/models/kimi-linear.cpp).
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const Dimensions dimensions = read_dimensions(metadata);
  const std::int64_t head_dim = read_extent(metadata, "kda.head_dim");
  const DeltaNet delta_net{.conv_width = read_extent(metadata, "ssm.conv_kernel"),
                           .key_heads = dimensions.heads.front(),
                           .value_heads = dimensions.heads.front(),
                           .key_dim = head_dim,
                           .value_dim = head_dim,
                           .by_channel = true};
  const LatentAttention attention{
      .heads = dimensions.heads.front(),
      .latent_dim = read_extent(metadata, "attention.kv_lora_rank"),
      .rope_dim = dimensions.rotary_dim,
      .nope_dim = read_extent(metadata, "attention.key_length_mla") - dimensions.rotary_dim,
      .value_dim = read_extent(metadata, "attention.value_length_mla"),
      .rope = false};
  if (attention.nope_dim < 1) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("'{0}.attention.key_length_mla' is not more than "
                            "'{0}.rope.dimension_count'",
                            metadata.architecture()));
  }
  Experts experts = read_experts(metadata);
  experts.width = read_extent(metadata, "expert_feed_forward_length");
  experts.shared_width =
      experts.width * std::max<std::int64_t>(metadata.integer("expert_shared_count"), 1);
  experts.normalised = true;
  experts.scaled = weights_scaled(metadata);
  experts.routing = stated_routing(metadata, Routing::sigmoid);
  put_experts(metadata, model, experts);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (dimensions.kv_heads[i] == 0) {
      model.layers[i].mixer = delta_net;
    } else {
      model.layers[i].mixer = attention;
    }
  }
}

void delta_net_tensors(TensorList& list, const DeltaNet& net, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t channels = net.value_heads * net.value_dim;
  for (const char which : {'q', 'k', 'v'}) {
    list.linear(layer, fmt::format("attn_{}", which), embedding, channels);
    list.add(layer, fmt::format("ssm_conv1d_{}.weight", which), {net.conv_width, 1, channels});
  }
  for (const char which : {'f', 'g'}) {
    list.linear(layer, fmt::format("ssm_{}_a", which), embedding, net.key_dim);
    list.linear(layer, fmt::format("ssm_{}_b", which), net.key_dim, channels);
  }
  list.linear(layer, "ssm_beta", embedding, net.value_heads);
  list.add(layer, "ssm_a", {1, net.value_heads});
  list.add(layer, "ssm_dt.bias", {channels});
  list.norm(layer, "ssm_norm", net.value_dim);
  list.linear(layer, "attn_output", channels, embedding);
}

void latent_tensors(TensorList& list, const LatentAttention& attention, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  list.linear(layer, "attn_q", embedding,
              attention.heads * (attention.nope_dim + attention.rope_dim));
  list.linear(layer, "attn_kv_a_mqa", embedding, attention.key_width());
  list.norm(layer, "attn_kv_a_norm", attention.latent_dim);
  list.add(layer, "attn_k_b.weight", {attention.nope_dim, attention.latent_dim, attention.heads});
  list.add(layer, "attn_v_b.weight", {attention.latent_dim, attention.value_dim, attention.heads});
  list.linear(layer, "attn_output", attention.heads * attention.value_dim, embedding);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.emplace_back("exp_probs_b.bias");
  TensorList list(metadata, present);
  Model model;
  describe(metadata, model);
  list.embedding_and_head();
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const auto index = static_cast<std::int64_t>(i);
    list.norms(index);
    if (const auto* delta_net = std::get_if<DeltaNet>(&layer.mixer)) {
      delta_net_tensors(list, *delta_net, index);
    } else {
      latent_tensors(list, std::get<LatentAttention>(layer.mixer), index);
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

const Architecture kimi_linear{"kimi-linear", describe, tensors};

}  // namespace membudget::arch
