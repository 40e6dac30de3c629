// SPDX-License-Identifier: MIT
#include <algorithm>

#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t float_bytes = 4;

// Strides of packed heads inside rows of `row` elements.
std::array<std::int64_t, 3> head_strides(std::int64_t head, std::int64_t row, std::int64_t tokens) {
  return {float_bytes * head, float_bytes * row, float_bytes * row * tokens};
}

}  // namespace

// build_qkvz (src/models/qwen3next.cpp, qwen35.cpp): queries, keys and values in one tensor and
// the gate of the result beside them; in early files all four in one, to be taken apart.
Builder::MixedProjection Builder::project_delta_net(const DeltaNet& net, NodeId x) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t tokens = graph_[x].ne[1] / sequences;
  const std::int64_t keys = net.key_heads * net.key_dim;
  const std::int64_t values = net.value_heads * net.value_dim;
  const NodeId together = weight("ssm_in.weight");
  if (together == no_node || weight("attn_qkv.weight") != no_node) {
    const NodeId mixed = linear("attn_qkv", x, "qkv");
    return {.mixed = graph_.reshape(mixed, {graph_[mixed].ne[0], tokens, sequences, 1}),
            .gate = linear("attn_gate", x, "z")};
  }
  const std::int64_t shared = net.value_dim * net.value_heads / net.key_heads;
  const std::int64_t row = 2 * net.key_dim + 2 * shared;
  const NodeId all =
      graph_.reshape(linear("ssm_in", x, "qkvz"), {row, net.key_heads, tokens, sequences});
  const auto part = [&](std::int64_t width) {
    return graph_.view(all, {width, net.key_heads, tokens, sequences},
                       head_strides(row, row * net.key_heads, tokens));
  };
  const auto flat = [&](std::int64_t width, std::int64_t total) {
    return graph_.cont(part(width), {total, tokens, sequences, 1});
  };
  const NodeId query_key = graph_.concat(flat(net.key_dim, keys), flat(net.key_dim, keys), 0);
  return {.mixed = graph_.concat(query_key, flat(shared, values), 0),
          .gate = graph_.cont(part(shared))};
}

// The decay of each head's state and how much of a token enters it, from one projection per head
// pair ("ssm_ba", qwen3next) or two.
Builder::DeltaNetGates Builder::delta_net_gates(const DeltaNet& net, NodeId x) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t tokens = graph_[x].ne[1] / sequences;
  const Shape per_head{1, net.value_heads, tokens, sequences};
  NodeId alpha = no_node;
  NodeId beta = no_node;
  if (weight("ssm_ba.weight") != no_node) {
    const std::int64_t shared = net.value_heads / net.key_heads;
    const NodeId both = graph_.reshape(linear("ssm_ba", x, "beta_alpha"),
                                       {2 * shared, net.key_heads, tokens, sequences});
    const auto half = [&] {
      return graph_.view(both, {shared, net.key_heads, tokens, sequences},
                         head_strides(2 * shared, 2 * net.value_heads, tokens));
    };
    alpha = graph_.cont(half(), {net.value_heads, tokens, sequences, 1});
    beta = graph_.reshape(graph_.unary_like(Op::unary, graph_.cont(half()), "beta"), per_head);
  } else {
    alpha =
        graph_.reshape(linear("ssm_alpha", x, "alpha"), {net.value_heads, tokens, sequences, 1});
    beta = graph_.unary_like(Op::unary, graph_.reshape(linear("ssm_beta", x, "beta"), per_head),
                             "beta");
  }
  alpha =
      graph_.unary_like(Op::unary, graph_.add(alpha, required("ssm_dt.bias"), "alpha"), "alpha");
  const NodeId decay = graph_.mul(alpha, required("ssm_a"), "decay");
  return {.decay = graph_.reshape(decay, per_head), .beta = beta};
}

// build_conv_state (src/models/delta-net-base.cpp): the last tokens of the previous batch go in
// front of these, the last of these are kept for the next.
NodeId Builder::with_conv_tail(const DeltaNet& net, NodeId mixed) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t channels = graph_[mixed].ne[0];
  const std::int64_t kept = net.conv_width - 1;
  const NodeId stored = state_tail();
  const NodeId tail = graph_.reshape(read_state(stored), {kept, channels, sequences, 1});
  const NodeId joined = graph_.concat(tail, graph_.transpose(mixed), 0);
  keep_tails(joined, stored, kept);
  return joined;
}

// build_layer_attn_linear (src/models/qwen3next.cpp, qwen35.cpp)
NodeId Builder::delta_net(const DeltaNet& net, NodeId x) {
  graph_.expand(x);
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t tokens = graph_[x].ne[1] / sequences;
  const std::int64_t values = net.value_heads * net.value_dim;
  const std::int64_t channels = 2 * net.key_heads * net.key_dim + values;

  const MixedProjection projected = project_delta_net(net, x);
  const DeltaNetGates gates = delta_net_gates(net, x);
  const NodeId joined = with_conv_tail(net, projected.mixed);
  const NodeId stored = state_matrix();
  const NodeId state = graph_.reshape(read_state(stored),
                                      {net.value_dim, net.value_dim, net.value_heads, sequences});

  NodeId mixed = graph_.operation(Op::ssm_conv, ElementType::f32, {channels, tokens, sequences, 1},
                                  {joined, required("ssm_conv1d.weight")}, "convolution");
  mixed = graph_.unary_like(Op::unary, mixed, "convolution");
  const auto part = [&](std::int64_t head, std::int64_t heads) {
    return graph_.view(mixed, {head, heads, tokens, sequences},
                       head_strides(head, channels, tokens));
  };
  const auto normed = [&](NodeId heads, std::string_view label) {
    NodeId result = graph_.unary_like(Op::l2_norm, heads, label);
    if (net.repeated && net.key_heads != net.value_heads) {
      result = graph_.reshape(result, {net.key_dim, 1, net.key_heads, tokens * sequences});
      result = graph_.repeat(result, {net.key_dim, net.value_heads / net.key_heads, net.key_heads,
                                      tokens * sequences});
      result = graph_.reshape(result, {net.key_dim, net.value_heads, tokens, sequences});
    }
    return result;
  };
  const NodeId q = normed(part(net.key_dim, net.key_heads), "q");
  const NodeId k = normed(part(net.key_dim, net.key_heads), "k");
  const NodeId v = part(net.value_dim, net.value_heads);

  NodeId result = gated_delta_rule(net, {q, k, v, gates.decay, gates.beta, state}, stored);

  result = graph_.mul(
      norm("ssm_norm", result),
      graph_.unary_like(Op::unary, graph_.reshape(projected.gate, graph_[result].ne), "z"),
      "gated");
  result = linear("ssm_out", graph_.reshape(result, {values, tokens, sequences, 1}), "attn_out");
  return graph_.reshape(result, {graph_[result].ne[0], tokens * sequences, 1, 1});
}

// build_recurrent_attn and build_delta_net_fused (src/models/delta-net-base.cpp): the operation
// returns the tokens' results and, in rows behind them, the new states.
NodeId Builder::gated_delta_rule(const DeltaNet& net, const std::array<NodeId, 6>& in,
                                 NodeId stored) {
  const std::int64_t head = net.value_dim;
  const std::int64_t heads = net.value_heads;
  const std::int64_t tokens = graph_[in[2]].ne[2];
  const std::int64_t sequences = graph_[in[2]].ne[3];
  // Metal's kernel works on 32 values at a time (ggml-metal-device.m:1386). The engine would build
  // the operation from small ones then (build_delta_net_chunking); no model is known to need that.
  constexpr std::int64_t metal_step = 32;
  if (head % metal_step != 0 && placement_.layer_on_gpu[static_cast<std::size_t>(layer_)]) {
    throw Error(Errc::unsupported, model_.id,
                "delta nets with heads of other than multiples of 32 elements are not simulated");
  }
  const NodeId both =
      graph_.operation(Op::gated_delta_net, ElementType::f32,
                       {head * heads, (tokens + head * snapshots()) * sequences, 1, 1},
                       {in[0], in[1], in[2], in[3], in[4], in[5]}, "delta_net");
  const std::int64_t row = graph_[stored].nb[1];
  if (snapshots() == 1) {
    const NodeId state =
        graph_.view(both, {head, head, heads, sequences}, head_strides(head, head * head, heads));
    graph_.expand(graph_.cpy(state, graph_.view(stored, {head * head * heads, sequences, 1, 1},
                                                {row, row * sequences, row * sequences})));
  } else {
    const Shape states{head * head * heads, sequences, std::min(tokens, snapshots()), 1};
    const std::array<std::int64_t, 3> strides{row, row * sequences, row * sequences * states[2]};
    graph_.expand(
        graph_.cpy(graph_.view(both, states, strides), graph_.view(stored, states, strides)));
  }
  return graph_.view(both, {head, heads, tokens, sequences},
                     head_strides(head, head * heads, tokens));
}

}  // namespace membudget::llamacpp
