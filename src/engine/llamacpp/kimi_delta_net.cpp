// SPDX-License-Identifier: MIT
// Kimi delta attention: a gated delta net whose states decay by channel, with a convolution each
// for queries, keys and values (llama.cpp b10587, src/models/kimi-linear.cpp and kimi-k3.cpp).
#include <string>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t float_bytes = 4;

}  // namespace

// causal_conv1d: the tails of all three convolutions share one row per sequence.
NodeId Builder::convolved(const DeltaNet& net, NodeId x, char which, NodeId stored, NodeId tails) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t all_tokens = graph_[x].ne[1];
  const std::int64_t tokens = all_tokens / sequences;
  const std::int64_t channels = net.value_heads * net.value_dim;
  const Shape tail{net.conv_width - 1, channels, sequences, 1};
  const std::int64_t row = graph_[stored].nb[1];
  const auto part = [&](NodeId whole) {
    return graph_.view(whole, tail, {float_bytes * tail[0], row, row * sequences});
  };
  NodeId result = linear(std::string("attn_") + which, x, "qkv");
  result = graph_.reshape(result, {channels, tokens, sequences, 1});
  const NodeId joined = graph_.concat(part(tails), graph_.transpose(result), 0);
  const std::array<std::int64_t, 4> nb = graph_[joined].nb;
  graph_.expand(
      graph_.cpy(graph_.view(joined, tail, {nb[1], nb[2], nb[2] * sequences}), part(stored)));

  const NodeId kernel = graph_.reshape(required(std::string("ssm_conv1d_") + which + ".weight"),
                                       {net.conv_width, channels, 1, 1});
  result = graph_.operation(Op::ssm_conv, ElementType::f32, {channels, tokens, sequences, 1},
                            {joined, kernel}, "convolution");
  result = graph_.reshape(result, {channels, all_tokens, 1, 1});
  result = graph_.unary_like(Op::unary, result, "convolution");
  return graph_.reshape(result, {net.value_dim, net.value_heads, tokens, sequences});
}

NodeId Builder::kimi_delta_net(const DeltaNet& net, NodeId x) {
  graph_.expand(x);
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t all_tokens = graph_[x].ne[1];
  const std::int64_t tokens = all_tokens / sequences;
  const Shape heads{net.value_dim, net.value_heads, tokens, sequences};
  const Shape flat_heads{net.value_dim, net.value_heads, all_tokens, 1};

  const NodeId stored_tails = state_tail();
  const NodeId tails = read_state(stored_tails);
  NodeId q = convolved(net, x, 'q', stored_tails, tails);
  NodeId k = convolved(net, x, 'k', stored_tails, tails);
  const NodeId v = convolved(net, x, 'v', stored_tails, tails);

  NodeId decay = linear("ssm_f_b", linear("ssm_f_a", x, "decay"), "decay");
  decay = graph_.add(decay, required("ssm_dt.bias"), "decay");
  if (!net.bounded_decay) {
    decay = graph_.unary_like(Op::unary, decay, "decay");
  }
  decay = graph_.mul(graph_.reshape(decay, flat_heads),
                     graph_.reshape(required("ssm_a"), {1, net.value_heads, 1, 1}), "decay");
  if (net.bounded_decay) {
    decay = graph_.unary_like(Op::unary, graph_.scale(decay, "decay"), "decay");
    decay = graph_.scale(decay, "decay");
  }
  decay = graph_.reshape(decay, heads);
  NodeId beta =
      graph_.reshape(linear("ssm_beta", x, "beta"), {1, net.value_heads, tokens, sequences});
  beta = graph_.unary_like(Op::unary, beta, "beta");

  const NodeId stored = state_matrix();
  const NodeId state = graph_.reshape(read_state(stored),
                                      {net.value_dim, net.value_dim, net.value_heads, sequences});
  q = graph_.unary_like(Op::l2_norm, q, "q");
  k = graph_.unary_like(Op::l2_norm, k, "k");
  NodeId result = graph_.cont(gated_delta_rule(net, {q, k, v, decay, beta, state}, stored));

  result = norm("ssm_norm", graph_.reshape(result, flat_heads));
  const std::int64_t width = graph_[x].ne[0];
  NodeId gate =
      graph_.reshape(graph_.reshape(x, {width, tokens, sequences, 1}), {width, all_tokens, 1, 1});
  gate = weight("ssm_g.weight") == no_node ? linear("ssm_g_b", linear("ssm_g_a", gate, "z"), "z")
                                           : linear("ssm_g", gate, "z");
  gate = graph_.reshape(gate, flat_heads);
  result = graph_.mul(result, graph_.unary_like(Op::unary, gate, "z"), "gated");
  result = graph_.cont(result, {net.value_dim * net.value_heads, all_tokens, 1, 1});
  return linear("attn_output", result, "attn_out");
}

}  // namespace membudget::llamacpp
