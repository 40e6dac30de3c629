// SPDX-License-Identifier: MIT
// RWKV's blocks (llama.cpp b10587: src/models/rwkv6-base.cpp, rwkv7-base.cpp and the models built
// on them).
#include <array>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t float_bytes = 4;
constexpr std::int64_t blends_6 = 5;  // Of the input, for decay, keys, values, receptance and gate.

}  // namespace

// A one-dimensional view from anywhere in `of`.
NodeId Builder::flat(NodeId of, std::int64_t elements) {
  const std::int64_t bytes = float_bytes * elements;
  return graph_.view(of, {elements, 1, 1, 1}, {bytes, bytes, bytes});
}

// Token by token what came before it: the last token of the batch before, then this batch but for
// its own last token.
NodeId Builder::tokens_before(NodeId last, NodeId x) {
  const Node& now = graph_[x];
  const Shape shape{now.ne[0], now.ne[1] - 1, now.ne[2], 1};
  const std::array<std::int64_t, 3> strides{now.nb[1], now.nb[2], now.nb[2] * now.ne[2]};
  return graph_.concat(last, graph_.view(x, shape, strides), 1);
}

// The last token of every sequence.
NodeId Builder::last_tokens(NodeId x) {
  const Node& now = graph_[x];
  const Shape shape{now.ne[0], 1, now.ne[2], 1};
  const std::array<std::int64_t, 3> strides{now.nb[1], now.nb[2], now.nb[2] * now.ne[2]};
  return graph_.view(x, shape, strides);
}

// One of the blends that lie one after the other in `mixed`.
NodeId Builder::one_blend(NodeId mixed) {
  const std::int64_t row = graph_[mixed].nb[1];
  return graph_.view(mixed, {model_.embedding, geometry_.tokens, 1, 1},
                     {row, row * geometry_.tokens, row * geometry_.tokens});
}

// The results of all tokens and the new states come in one row; the states are stored, the
// results normed head by head where the file holds the weights.
NodeId Builder::close_wkv(const Rwkv& rwkv, NodeId wkv, NodeId stored, bool normed) {
  const std::int64_t tokens = geometry_.tokens;
  const std::int64_t embedding = model_.embedding;
  const std::int64_t states = embedding * rwkv.head_dim * geometry_.sequences;
  NodeId y = flat(wkv, embedding * tokens);
  graph_.expand(graph_.cpy(flat(wkv, states), flat(stored, states)));
  if (!normed) {
    return graph_.reshape(y, {embedding, tokens, 1, 1});
  }
  y = graph_.reshape(y, {rwkv.head_dim, embedding / rwkv.head_dim, tokens, 1});
  y = graph_.reshape(graph_.unary_like(Op::norm, y, "wkv_norm"), {embedding, tokens, 1, 1});
  y = graph_.mul(y, required("time_mix_ln.weight"), "wkv_norm");
  return graph_.add(y, required("time_mix_ln.bias"), "wkv_norm");
}

// The five blends of an input with the one before it; how much of each depends on the token.
// Older files hold the weights one by one.
std::array<NodeId, 5> Builder::blends(NodeId x, NodeId difference) {
  const std::int64_t tokens = geometry_.tokens;
  const std::int64_t embedding = model_.embedding;
  NodeId mixed =
      graph_.add(graph_.mul(difference, required("time_mix_lerp_x.weight"), "blend"), x, "blend");
  mixed = graph_.mul_mat(required("time_mix_w1.weight"), mixed, "time_mix_w1");
  mixed = graph_.unary_like(Op::unary, mixed, "time_mix_w1");
  mixed = graph_.reshape(mixed, {graph_[mixed].ne[0] / blends_6, 1, blends_6, tokens});
  mixed = graph_.cont(graph_.permute(mixed, {0, 1, 3, 2}));
  const NodeId second = required("time_mix_w2.weight");
  mixed = graph_.mul_mat(
      graph_.reshape(second, {graph_[second].ne[0], graph_[second].ne[1], 1, blends_6}), mixed,
      "time_mix_w2");

  std::array<NodeId, 5> result{};
  if (const NodeId fused = weight("time_mix_lerp_fused.weight"); fused != no_node) {
    const Shape shape{embedding, 1, tokens, 1};
    const NodeId by = graph_.reshape(difference, shape);
    mixed = graph_.mul(graph_.add(mixed, fused, "blend"), by, "blend");
    mixed = graph_.add(mixed, graph_.reshape(x, shape), "blend");
    for (NodeId& part : result) {
      part = one_blend(mixed);
    }
    return result;
  }
  static constexpr std::array<std::string_view, 5> names{
      "time_mix_lerp_w.weight", "time_mix_lerp_k.weight", "time_mix_lerp_v.weight",
      "time_mix_lerp_r.weight", "time_mix_lerp_g.weight"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const NodeId part = graph_.add(one_blend(mixed), required(names.at(i)), "blend");
    result.at(i) = graph_.add(graph_.mul(part, difference, "blend"), x, "blend");
  }
  return result;
}

// build_rwkv6_time_mix. A file without `time_mix_first` is a Qwen 2.5 whose attention was
// replaced: gated linear attention instead of RWKV's own, and no norm of the result.
NodeId Builder::time_mix_6(const Rwkv& rwkv, NodeId x, NodeId before) {
  const std::int64_t tokens = geometry_.tokens;
  const std::int64_t embedding = model_.embedding;
  const std::int64_t head = rwkv.head_dim;
  const std::int64_t heads = embedding / head;
  const Shape flat_shape{embedding, tokens, 1, 1};
  const Shape by_head{head, heads, tokens, 1};
  const NodeId first = weight("time_mix_first.weight");
  const bool own = first != no_node;

  const NodeId difference =
      graph_.reshape(graph_.binary(Op::sub, before, x, "token_shift"), flat_shape);
  const auto [for_decay, for_k, for_v, for_r, for_gate] =
      blends(graph_.reshape(x, flat_shape), difference);
  NodeId r = linear("time_mix_receptance", for_r, "time_mix_r");
  NodeId k = linear("time_mix_key", for_k, "time_mix_k");
  NodeId v = linear("time_mix_value", for_v, "time_mix_v");
  const NodeId gate = graph_.unary_like(
      Op::unary, adapted(required("time_mix_gate.weight"), for_gate, "time_mix_gate"),
      "time_mix_gate");
  if (rwkv.kv_heads != 0 && rwkv.kv_heads != heads) {
    const Shape shared{head, 1, rwkv.kv_heads, tokens};
    const Shape copied{head, heads / rwkv.kv_heads, rwkv.kv_heads, tokens};
    k = graph_.repeat(graph_.reshape(k, shared), copied);
    v = graph_.repeat(graph_.reshape(v, shared), copied);
  }
  k = graph_.reshape(k, by_head);
  v = graph_.reshape(v, by_head);
  r = graph_.reshape(r, by_head);

  NodeId decay = graph_.mul_mat(required("time_mix_decay_w1.weight"), for_decay, "time_mix_decay");
  decay = graph_.unary_like(Op::unary, decay, "time_mix_decay");
  decay = graph_.mul_mat(required("time_mix_decay_w2.weight"), decay, "time_mix_decay");
  decay = graph_.add(decay, required("time_mix_decay.weight"), "time_mix_decay");
  for (int i = 0; i < 3; ++i) {  // exp(-exp(x))
    decay = graph_.unary_like(Op::unary, decay, "time_mix_decay");
  }
  decay = graph_.reshape(decay, by_head);
  if (!own) {
    k = graph_.binary(Op::sub, k, graph_.mul(k, decay, "time_mix_k"), "time_mix_k");
  }

  const NodeId stored = state_matrix();
  const NodeId state = read_state(stored);
  const Shape result{embedding, tokens + head * geometry_.sequences, 1, 1};
  const NodeId wkv = own ? graph_.operation(Op::rwkv_wkv6, ElementType::f32, result,
                                            {k, v, r, first, decay, state}, "wkv")
                         : graph_.operation(Op::gated_linear_attn, ElementType::f32, result,
                                            {k, v, r, decay, state}, "wkv");
  const NodeId y = graph_.mul(close_wkv(rwkv, wkv, stored, own), gate, "wkv_gated");
  return adapted(required("time_mix_output.weight"), y, "time_mix_out");
}

// Two small matrices, one after the other.
NodeId Builder::through_rank(std::string_view first, std::string_view second, NodeId x,
                             bool activated) {
  x = graph_.mul_mat(required(first), x, first);
  if (activated) {
    x = graph_.unary_like(Op::unary, x, first);
  }
  return graph_.mul_mat(required(second), x, second);
}

// build_rwkv7_time_mix
NodeId Builder::time_mix_7(const Rwkv& rwkv, NodeId x, NodeId before) {
  const std::int64_t tokens = geometry_.tokens;
  const std::int64_t embedding = model_.embedding;
  const Shape flat_shape{embedding, tokens, 1, 1};
  const Shape by_head{rwkv.head_dim, embedding / rwkv.head_dim, tokens, 1};
  const bool gated =
      weight("time_mix_g1.weight") != no_node && weight("time_mix_g2.weight") != no_node;
  const auto sigmoid = [&](NodeId of) { return graph_.unary_like(Op::unary, of, "time_mix"); };

  Shape copies = graph_[x].ne;
  copies[3] = gated ? 6 : 5;
  const NodeId difference = graph_.repeat(graph_.binary(Op::sub, before, x, "token_shift"), copies);
  const NodeId mixed = graph_.add(
      graph_.mul(difference, required("time_mix_lerp_fused.weight"), "blend"), x, "blend");

  NodeId r = adapted(required("time_mix_receptance.weight"), one_blend(mixed), "time_mix_r");
  NodeId w = through_rank("time_mix_w1.weight", "time_mix_w2.weight", one_blend(mixed), true);
  w = sigmoid(graph_.add(w, required("time_mix_w0.weight"), "time_mix_w"));
  w = graph_.unary_like(Op::unary, graph_.scale(w, "time_mix_w"), "time_mix_w");
  NodeId k = adapted(required("time_mix_key.weight"), one_blend(mixed), "time_mix_k");
  const NodeId for_v = one_blend(mixed);
  NodeId v = adapted(required("time_mix_value.weight"), for_v, "time_mix_v");
  if (first_value_ == no_node) {
    first_value_ = v;
  } else {
    NodeId share = through_rank("time_mix_v1.weight", "time_mix_v2.weight", for_v, false);
    share = sigmoid(graph_.add(share, required("time_mix_v0.weight"), "time_mix_v"));
    const NodeId residual = graph_.binary(Op::sub, first_value_, v, "time_mix_v");
    v = graph_.add(v, graph_.mul(residual, share, "time_mix_v"), "time_mix_v");
  }
  NodeId a = through_rank("time_mix_a1.weight", "time_mix_a2.weight", one_blend(mixed), false);
  a = sigmoid(graph_.add(a, required("time_mix_a0.weight"), "time_mix_a"));

  NodeId removal = graph_.mul(k, required("time_mix_k_k.weight"), "time_mix_k");
  removal = graph_.unary_like(Op::l2_norm, graph_.reshape(removal, by_head), "time_mix_k");
  const NodeId ka = graph_.mul(k, required("time_mix_k_a.weight"), "time_mix_k");
  k = graph_.add(k, graph_.binary(Op::sub, graph_.mul(a, ka, "time_mix_k"), ka, "time_mix_k"),
                 "time_mix_k");
  for (NodeId* part : {&r, &w, &k, &v, &a}) {
    *part = graph_.reshape(*part, by_head);
  }

  const NodeId stored = state_matrix();
  const NodeId state = read_state(stored);
  const NodeId wkv =
      graph_.operation(Op::rwkv_wkv7, ElementType::f32,
                       {embedding, tokens + rwkv.head_dim * geometry_.sequences, 1, 1},
                       {r, w, k, v, graph_.unary_like(Op::unary, removal, "time_mix_k"),
                        graph_.mul(removal, a, "time_mix_k"), state},
                       "wkv");
  const bool normed =
      weight("time_mix_ln.weight") != no_node && weight("time_mix_ln.bias") != no_node;
  NodeId y = close_wkv(rwkv, wkv, stored, normed);
  const NodeId bonus_weight =
      graph_.reshape(required("time_mix_r_k.weight"), {by_head[0], by_head[1], 1, 1});
  const NodeId bonus =
      graph_.sum_rows(graph_.mul(graph_.mul(k, r, "bonus"), bonus_weight, "bonus"));
  y = graph_.add(y, graph_.reshape(graph_.mul(v, bonus, "bonus"), flat_shape), "wkv");
  if (gated) {
    const NodeId gate =
        through_rank("time_mix_g1.weight", "time_mix_g2.weight", one_blend(mixed), true);
    y = graph_.mul(y, gate, "wkv_gated");
  }
  return adapted(required("time_mix_output.weight"), y, "time_mix_out");
}

// build_rwkv6_channel_mix and build_rwkv7_channel_mix
NodeId Builder::channel_mix(const ChannelMix& mix, NodeId x, NodeId before) {
  const NodeId difference = graph_.binary(Op::sub, before, x, "token_shift");
  const auto blended = [&](std::string_view name) {
    return graph_.add(graph_.mul(difference, required(name), "blend"), x, "blend");
  };
  const auto keys = [&] {
    NodeId k = blended("channel_mix_lerp_k.weight");
    k = adapted(required("channel_mix_key.weight"), k, "channel_mix_key");
    k = graph_.unary_like(Op::unary, k, "channel_mix_key");
    k = graph_.unary_like(Op::sqr, k, "channel_mix_key");
    return adapted(required("channel_mix_value.weight"), k, "channel_mix_value");
  };
  if (!mix.gated) {
    return keys();
  }
  const NodeId gate =
      graph_.unary_like(Op::unary,
                        adapted(required("channel_mix_receptance.weight"),
                                blended("channel_mix_lerp_r.weight"), "channel_mix_gate"),
                        "channel_mix_gate");
  return graph_.mul(gate, keys(), "channel_mix_gated");
}

// The graphs of rwkv6.cpp, rwkv7.cpp, rwkv6qwen2.cpp and arwkv7.cpp, one layer. Unlike other
// models', rows nobody asked for are dropped after the first sum.
NodeId Builder::rwkv_layer(const Layer& layer, const Rwkv& rwkv, NodeId x) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t embedding = model_.embedding;
  const Shape by_sequence{embedding, geometry_.tokens / sequences, sequences, 1};
  const Shape flat_shape{embedding, geometry_.tokens, 1, 1};
  x = graph_.reshape(x, by_sequence);
  const NodeId stored = state_tail();
  NodeId shifts = graph_.reshape(read_state(stored), {embedding, rwkv.shifts, sequences, 1});
  const auto shift = [&] {
    const std::array<std::int64_t, 4> nb = graph_[shifts].nb;
    return graph_.view(shifts, {embedding, 1, sequences, 1}, {nb[1], nb[2], nb[2] * sequences});
  };
  const auto store = [&](NodeId tokens) {
    const std::int64_t elements = embedding * sequences * rwkv.shifts;
    graph_.expand(graph_.cpy(flat(tokens, elements), flat(stored, elements)));
  };
  const auto outputs = [&](NodeId rows) {
    const NodeId all = graph_.reshape(rows, flat_shape);
    return last_layer() ? outputs_only(all) : all;
  };

  const auto* channels = std::get_if<ChannelMix>(&layer.feed_forward);
  const NodeId mixer_input = norm("attn_norm", x, layer.norm);
  const NodeId before = tokens_before(channels == nullptr ? shifts : shift(), mixer_input);
  const NodeId mixed = graph_.reshape(rwkv.version == 6 ? time_mix_6(rwkv, mixer_input, before)
                                                        : time_mix_7(rwkv, mixer_input, before),
                                      by_sequence);
  if (channels == nullptr) {
    store(last_tokens(mixer_input));
    const NodeId sum = outputs(graph_.add(mixed, x, "residual"));
    return graph_.add(feed_forward(layer.feed_forward, norm("ffn_norm", sum, layer.norm)), sum,
                      "residual");
  }
  const NodeId sum = graph_.add(mixed, x, "residual");
  const NodeId input = norm("attn_norm_2", sum, layer.norm);
  const NodeId input_before = tokens_before(shift(), input);
  store(graph_.concat(last_tokens(mixer_input), last_tokens(input), 1));
  const NodeId residual = outputs(sum);
  const NodeId now = outputs(input);
  const NodeId fed = channel_mix(*channels, now, outputs(input_before));
  const NodeId result = graph_.add(fed, residual, "residual");
  return layer.output_scaled ? graph_.scale(result, "rescaled") : result;
}

}  // namespace membudget::llamacpp
