// SPDX-License-Identifier: MIT
// Hyper-connections: a token has several hidden states. A branch reads a weighted sum of them, and
// its result is added, weighted, to new sums of them (llama.cpp b10587, src/models/deepseek4.cpp,
// build_hc_pre, build_hc_post, build_hc_sinkhorn and build_hc_head).
#include <string>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t float_bytes = 4;
constexpr std::array<int, 4> swapped{1, 0, 2, 3};

}  // namespace

NodeId Builder::hyper_mix(NodeId states, NodeId shares, bool fused) {
  const Shape shape = graph_[states].ne;
  if (fused) {
    const NodeId result =
        graph_.operation(Op::dsv4_hc_pre, ElementType::f32, {shape[0], shape[2], 1, 1},
                         {states, shares}, "hyper_mix");
    hyper_mix_nodes_.push_back(result);
    return result;
  }
  const std::int64_t token = graph_[states].nb[2];
  const std::int64_t row = graph_[shares].nb[1];
  NodeId sum = no_node;
  for (std::int64_t i = 0; i < shape[1]; ++i) {
    const NodeId state = graph_.view(states, {shape[0], shape[2], 1, 1},
                                     {token, token * shape[2], token * shape[2]});
    const NodeId share =
        graph_.view(shares, {1, shape[2], 1, 1}, {row, row * shape[2], row * shape[2]});
    const NodeId part = graph_.mul(state, share, "hyper_mix");
    sum = sum == no_node ? part : graph_.add(sum, part, "hyper_mix");
  }
  return sum;
}

// The new sums' weights, normalised by turns so that rows and columns add up to one.
NodeId Builder::hyper_weights(NodeId mixes, NodeId scale, NodeId base) {
  const std::int64_t states = model_.hidden_states;
  const std::int64_t tokens = graph_[mixes].ne[1];
  const Shape square{states, states, tokens, 1};
  if (fusion_.hyper_weights) {
    const NodeId result = graph_.operation(Op::dsv4_hc_comb, ElementType::f32, square,
                                           {mixes, scale, base}, "hyper_weights");
    hyper_weight_nodes_.push_back(result);
    return result;
  }
  constexpr std::string_view label = "hyper_weights";
  const auto part_of = [&](NodeId weights, std::int64_t count) {
    return graph_.view(weights, {count, 1, 1, 1},
                       {float_bytes * count, float_bytes * count, float_bytes * count});
  };
  const NodeId own_scale = part_of(scale, 1);
  const NodeId own_base = part_of(base, states * states);
  const std::int64_t row = graph_[mixes].nb[1];
  NodeId result =
      graph_.view(mixes, {states * states, tokens, 1, 1}, {row, row * tokens, row * tokens});
  result = graph_.add(graph_.mul(result, own_scale, label), own_base, label);
  result = graph_.soft_max(graph_.reshape(result, square));
  const NodeId least =
      graph_.unary_like(Op::fill, graph_.constant(ElementType::f32, {1, 1, 1, 1}, label), label);
  result = graph_.add(result, least, label);
  const auto divided = [&](NodeId sums) { return graph_.binary(Op::div, result, sums, label); };
  const auto norm_columns = [&] {
    const NodeId sums = graph_.sum_rows(graph_.cont(graph_.permute(result, swapped)));
    result = divided(graph_.permute(graph_.add(sums, least, label), swapped));
  };
  norm_columns();
  for (std::int64_t i = 1; i < model_.sinkhorn_steps; ++i) {
    result = divided(graph_.add(graph_.sum_rows(result), least, label));
    norm_columns();
  }
  return result;
}

Builder::HyperConnection Builder::hyper_connection(std::string_view name, NodeId states) {
  const std::string base_name(name);
  const std::int64_t count = model_.hidden_states;
  const std::int64_t tokens = graph_[states].ne[2];
  const NodeId scale = required(base_name + "_scale.weight");
  const NodeId base = required(base_name + "_base.weight");
  const NodeId flat = graph_.reshape(states, {model_.embedding * count, tokens, 1, 1});
  const NodeId mixes = graph_.mul_mat(required(base_name + "_fn.weight"),
                                      graph_.unary_like(Op::rms_norm, flat, name), name);
  const std::int64_t row = graph_[mixes].nb[1];
  const auto shares = [&] {
    NodeId result = graph_.view(mixes, {count, tokens, 1, 1}, {row, row * tokens, row * tokens});
    result = graph_.mul(
        result, graph_.view(scale, {1, 1, 1, 1}, {float_bytes, float_bytes, float_bytes}), name);
    const std::int64_t bytes = float_bytes * count;
    result = graph_.add(result, graph_.view(base, {count, 1, 1, 1}, {bytes, bytes, bytes}), name);
    return graph_.scale(graph_.unary_like(Op::unary, result, name), name);
  };
  HyperConnection result;
  const NodeId taken = shares();
  result.share = shares();
  result.weights = hyper_weights(mixes, scale, base);
  result.input = hyper_mix(states, taken, fusion_.hyper_mix);
  return result;
}

NodeId Builder::hyper_sum(NodeId branch, NodeId states, const HyperConnection& connection) {
  const Shape shape = graph_[states].ne;
  if (fusion_.hyper_sum) {
    const NodeId result =
        graph_.operation(Op::dsv4_hc_post, ElementType::f32, shape,
                         {branch, states, connection.share, connection.weights}, "hyper_sum");
    hyper_sum_nodes_.push_back(result);
    return result;
  }
  constexpr std::string_view label = "hyper_sum";
  const std::int64_t tokens = shape[2];
  const auto column = [&](NodeId matrix, std::int64_t stride) {
    return graph_.view(matrix, {1, tokens, 1, 1}, {stride, stride * tokens, stride * tokens});
  };
  const std::int64_t token = graph_[states].nb[2];
  NodeId result = no_node;
  for (std::int64_t to = 0; to < shape[1]; ++to) {
    NodeId sum =
        graph_.mul(branch, column(connection.share, graph_[connection.share].nb[1]), label);
    for (std::int64_t from = 0; from < shape[1]; ++from) {
      const NodeId state =
          graph_.view(states, {shape[0], tokens, 1, 1}, {token, token * tokens, token * tokens});
      const NodeId share = column(connection.weights, graph_[connection.weights].nb[2]);
      sum = graph_.add(sum, graph_.mul(state, share, label), label);
    }
    sum = graph_.reshape(sum, {shape[0], 1, tokens, 1});
    result = result == no_node ? sum : graph_.concat(result, sum, 1);
  }
  return result;
}

NodeId Builder::hyper_layer(const Layer& layer, NodeId states) {
  HyperConnection connection = hyper_connection("hc_attn", states);
  NodeId branch = mix(layer.mixer, norm("attn_norm", connection.input, layer.norm));
  states = hyper_sum(branch, states, connection);
  connection = hyper_connection("hc_ffn", states);
  graph_.expand(states);
  graph_.expand(connection.share);
  graph_.expand(connection.weights);
  branch = feed_forward(layer.feed_forward, norm("ffn_norm", connection.input, layer.norm));
  return hyper_sum(branch, states, connection);
}

// One state per token once more, of the tokens whose logits were asked for.
NodeId Builder::hyper_head(NodeId states) {
  const std::int64_t count = model_.hidden_states;
  const std::int64_t width = model_.embedding * count;
  NodeId flat = graph_.reshape(states, {width, graph_[states].ne[2], 1, 1});
  flat = outputs_only(flat);
  const std::int64_t rows = graph_[flat].ne[1];
  states = graph_.reshape(flat, {model_.embedding, count, rows, 1});
  flat = graph_.reshape(states, {width, rows, 1, 1});
  constexpr std::string_view label = "hyper_head";
  NodeId shares = graph_.mul_mat(required("output_hc_fn.weight"),
                                 graph_.unary_like(Op::rms_norm, flat, label), label);
  shares = graph_.mul(shares, required("output_hc_scale.weight"), label);
  shares = graph_.add(shares, required("output_hc_base.weight"), label);
  shares = graph_.scale(graph_.unary_like(Op::unary, shares, label), label);
  return hyper_mix(states, shares, false);
}

}  // namespace membudget::llamacpp
