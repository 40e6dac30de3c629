// SPDX-License-Identifier: MIT
// Qwen3-Next and Qwen 3.5 to 3.8: three layers of a gated delta net to one of attention with an
// output gate (llama.cpp b10587, src/models/qwen3next.cpp, qwen35.cpp and qwen35moe.cpp).
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

DeltaNet read_delta_net(const Metadata& metadata) {
  DeltaNet result;
  result.conv_width = read_extent(metadata, "ssm.conv_kernel");
  result.key_heads = read_extent(metadata, "ssm.group_count");
  result.value_heads = read_extent(metadata, "ssm.time_step_rank");
  result.key_dim = read_extent(metadata, "ssm.state_size");
  result.value_dim = read_extent(metadata, "ssm.inner_size") / result.value_heads;
  // What the engine asserts (build_delta_net_fused of delta-net-base.cpp).
  if (result.value_dim != result.key_dim || result.value_heads % result.key_heads != 0) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("'{0}.ssm.inner_size', '{0}.ssm.state_size', '{0}.ssm.group_count' and "
                            "'{0}.ssm.time_step_rank' do not fit together",
                            metadata.architecture()));
  }
  return result;
}

// Which layers are delta nets: a list, or all but every n-th.
std::vector<bool> recurrent_layers(const Metadata& metadata, std::int64_t layers) {
  std::vector<bool> result;
  const std::string list = fmt::format("{}.attention.recurrent_layers", metadata.architecture());
  if (metadata.has(list)) {
    for (const std::int64_t flag : metadata.per_layer("attention.recurrent_layers", layers)) {
      result.push_back(flag != 0);
    }
    return result;
  }
  constexpr std::int64_t usual_interval = 4;
  const std::int64_t interval =
      metadata.has(fmt::format("{}.full_attention_interval", metadata.architecture()))
          ? read_extent(metadata, "full_attention_interval")
          : usual_interval;
  for (std::int64_t i = 0; i < layers; ++i) {
    result.push_back((i + 1) % interval != 0);
  }
  return result;
}

void describe(const Metadata& metadata, Model& model, QueryGate gate, bool repeated) {
  describe_transformer(metadata, model);
  drop_draft_layers(metadata, model, false);
  model.outputs_after_norm = true;
  model.drafts = true;
  DeltaNet delta_net = read_delta_net(metadata);
  delta_net.repeated = repeated;
  const std::vector<bool> recurrent =
      recurrent_layers(metadata, static_cast<std::int64_t>(model.layers.size()));
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    if (recurrent[i]) {
      layer.mixer = delta_net;
    } else {
      std::get<Attention>(layer.mixer).gate = gate;
    }
  }
}

Experts read_qwen_experts(const Metadata& metadata, std::int64_t width) {
  Experts result = read_experts(metadata);
  if (!metadata.has(fmt::format("{}.expert_feed_forward_length", metadata.architecture()))) {
    result.width = width / std::max<std::int64_t>(result.used, 1);
  }
  result.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  result.shared_width = result.shared_width > 0 ? result.shared_width : width;
  result.normalised = true;
  return result;
}

void put_qwen_experts(const Metadata& metadata, Model& model) {
  for (Layer& layer : model.layers) {
    layer.feed_forward =
        read_qwen_experts(metadata, std::get<DenseFeedForward>(layer.feed_forward).width);
  }
}

void describe_qwen35(const Metadata& metadata, Model& model) {
  describe(metadata, model, QueryGate::interleaved, false);
  model.position_axes = mrope_axes;
  model.rolls_back = true;
}

void describe_qwen35moe(const Metadata& metadata, Model& model) {
  describe_qwen35(metadata, model);
  put_qwen_experts(metadata, model);
}

void describe_qwen3next(const Metadata& metadata, Model& model) {
  describe(metadata, model, QueryGate::interleaved_reshaped, true);
  put_qwen_experts(metadata, model);
}

// Attention and delta nets; `fused_ba` says whether beta and alpha come from one projection.
void mixer_tensors(TensorList& list, const Metadata& metadata, std::int64_t layer, bool recurrent,
                   bool fused_ba) {
  const Dimensions& d = list.dimensions();
  list.norm(layer, "attn_norm", d.embedding);
  list.norm(layer, "post_attention_norm", d.embedding);
  if (!recurrent) {
    const auto i = static_cast<std::size_t>(layer);
    list.linear(layer, "attn_q", d.embedding, 2 * d.heads[i] * d.key_dim);
    list.linear(layer, "attn_k", d.embedding, d.kv_heads[i] * d.key_dim);
    list.linear(layer, "attn_v", d.embedding, d.kv_heads[i] * d.value_dim);
    list.linear(layer, "attn_output", d.heads[i] * d.key_dim, d.embedding);
    list.norm(layer, "attn_q_norm", d.key_dim);
    list.norm(layer, "attn_k_norm", d.key_dim);
    return;
  }
  const DeltaNet net = read_delta_net(metadata);
  const std::int64_t values = net.value_heads * net.value_dim;
  const std::int64_t channels = 2 * net.key_heads * net.key_dim + values;
  list.linear(layer, "attn_qkv", d.embedding, channels);
  list.linear(layer, "attn_gate", d.embedding, values);
  list.add(layer, "ssm_conv1d.weight", {net.conv_width, channels});
  list.add(layer, "ssm_dt.bias", {net.value_heads});
  list.add(layer, "ssm_a", {net.value_heads});
  if (fused_ba) {
    list.linear(layer, "ssm_ba", d.embedding, 2 * net.value_heads);
  } else {
    list.linear(layer, "ssm_beta", d.embedding, net.value_heads);
    list.linear(layer, "ssm_alpha", d.embedding, net.value_heads);
  }
  list.norm(layer, "ssm_norm", net.value_dim);
  list.linear(layer, "ssm_out", values, d.embedding);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional,
                                 void (*describe)(const Metadata&, Model&), bool fused_ba) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.emplace_back("ffn_gate_inp_shexp.weight");
  TensorList list(metadata, present);
  Model model;
  describe(metadata, model);
  list.embedding_and_head();
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  for (std::int64_t i = 0; i < layers + model.draft_layers; ++i) {
    // A block for drafting attends and feeds forward like the others.
    const bool drafting = i >= layers;
    const Layer& layer = model.layers[static_cast<std::size_t>(std::min(i, layers - 1))];
    const bool recurrent = !drafting && std::holds_alternative<DeltaNet>(layer.mixer);
    mixer_tensors(list, metadata, i, recurrent, fused_ba);
    if (const auto* experts = std::get_if<Experts>(&layer.feed_forward)) {
      list_experts(list, *experts, i);
    } else {
      list.feed_forward(i);
    }
    if (drafting) {
      list_predictor(list, i);
    }
  }
  return list.take();
}

std::vector<TensorShape> qwen35_tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors(metadata, optional, describe_qwen35, false);
}
std::vector<TensorShape> qwen35moe_tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors(metadata, optional, describe_qwen35moe, false);
}
std::vector<TensorShape> qwen3next_tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors(metadata, optional, describe_qwen3next, true);
}

}  // namespace

const Architecture qwen3next{"qwen3next", describe_qwen3next, qwen3next_tensors};
const Architecture qwen35{"qwen35", describe_qwen35, qwen35_tensors};
const Architecture qwen35moe{"qwen35moe", describe_qwen35moe, qwen35moe_tensors};

}  // namespace membudget::arch
