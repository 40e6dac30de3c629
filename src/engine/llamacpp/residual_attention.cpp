// SPDX-License-Identifier: MIT
// Attention over depth: branches read a mix of the running sum and the inputs of some earlier
// layers (llama.cpp b10587, src/models/kimi-k3.cpp, res_push and res_mix).
#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

NodeId Builder::mixed_with_put_aside(NodeId x, std::string_view scores) {
  if (put_aside_ == no_node) {
    return x;
  }
  const std::int64_t tokens = graph_[x].ne[1];
  const std::int64_t count = graph_[put_aside_].ne[1];
  const auto scored = [&](NodeId states) {
    const NodeId normed = graph_.unary_like(Op::rms_norm, states, "depth_score");
    return graph_.sum_rows(graph_.mul(normed, required(scores), "depth_score"));
  };
  const NodeId earlier = graph_.reshape(scored(put_aside_), {count, tokens, 1, 1});
  const NodeId shares = graph_.soft_max(graph_.concat(earlier, scored(x), 0));
  const std::int64_t row = graph_[shares].nb[1];
  const auto part = [&](std::int64_t width) {
    return graph_.cont(
        graph_.view(shares, {width, tokens, 1, 1}, {row, row * tokens, row * tokens}));
  };
  const NodeId of_earlier = part(count);
  const NodeId of_this = part(1);
  const NodeId mixed = graph_.operation(Op::dsv4_hc_pre, ElementType::f32, graph_[x].ne,
                                        {put_aside_, of_earlier}, "depth_mix");
  return graph_.add(mixed, graph_.mul(x, of_this, "depth_mix"), "depth_mix");
}

NodeId Builder::attended_layer(const Layer& layer, NodeId x) {
  NodeId input = mixed_with_put_aside(x, "attn_res_score.weight");
  if (layer.input_put_aside) {
    const Shape shape = graph_[x].ne;
    const NodeId state = graph_.reshape(x, {shape[0], 1, shape[1], 1});
    put_aside_ = put_aside_ == no_node ? state : graph_.concat(put_aside_, state, 1);
  }
  input = norm("attn_norm", input, layer.norm);
  graph_.expand(input);
  const NodeId branch = mix(layer.mixer, input);
  const NodeId sum = layer.input_put_aside ? branch : graph_.add(x, branch, "residual");
  const NodeId fed =
      feed_forward(layer.feed_forward,
                   norm("ffn_norm", mixed_with_put_aside(sum, "ffn_res_score.weight"), layer.norm));
  return graph_.add(sum, fed, "residual");
}

}  // namespace membudget::llamacpp
