// SPDX-License-Identifier: MIT
#include <string>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// Gate and up projection as they meet. Where they are limited, no fused operation exists for all
// of it (llama-graph.cpp:1785, 2176 and, for Kimi-K3, 2200).
NodeId Builder::activated(Limit limit, NodeId gate, NodeId up, std::string_view label) {
  const auto bent = [&](NodeId x) {
    x = graph_.unary_like(Op::unary, graph_.scale(x, label), label);
    return graph_.scale(x, label);
  };
  switch (limit) {
    case Limit::none:
      break;
    case Limit::clamped:
      up = graph_.clamp(up);
      return graph_.glu(graph_.clamp(gate), up, label);
    case Limit::clamped_activated:
      up = graph_.clamp(up);
      return graph_.mul(graph_.clamp(graph_.unary_like(Op::unary, gate, label)), up, label);
    case Limit::smooth:
    case Limit::smooth_gate:
      gate = graph_.mul(bent(gate), graph_.unary_like(Op::unary, gate, label), label);
      return graph_.mul(gate, limit == Limit::smooth ? bent(up) : up, label);
  }
  return graph_.glu(gate, up, label);
}

// build_ffn (llama-graph.cpp:1693)
// `suffix` names the shared experts' tensors: "_shexp".
NodeId Builder::dense(const DenseFeedForward& dense, NodeId x, std::string_view suffix) {
  const auto named = [&](std::string_view name) { return std::string(name).append(suffix); };
  const NodeId up = linear(named("ffn_up"), x, "ffn_up");
  NodeId hidden = no_node;
  switch (dense.gating) {
    case Gating::split: {
      const NodeId gate = linear(named("ffn_gate"), x, "ffn_gate");
      hidden = activated(dense.limit, gate, up, "ffn_act");
      break;
    }
    case Gating::fused:
      hidden = graph_.glu_fused(up, "ffn_act");
      break;
    case Gating::none:
      hidden = graph_.unary_like(Op::unary, up, "ffn_act");
      // A scale per channel that activation-aware quantization left here (mpt).
      if (const NodeId scales = weight("ffn_act.scales"); scales != no_node) {
        hidden = graph_.binary(Op::div, hidden, scales, "ffn_act");
      }
      break;
  }
  if (dense.squared) {
    hidden = graph_.unary_like(Op::sqr, hidden, "ffn_act");
  }
  return linear(named("ffn_down"), hidden, "ffn_down");
}

NodeId Builder::feed_forward(const FeedForward& feed_forward, NodeId x) {
  if (const auto* plain = std::get_if<DenseFeedForward>(&feed_forward)) {
    return dense(*plain, x);
  }
  if (const auto* mixture = std::get_if<Experts>(&feed_forward)) {
    return experts(*mixture, x);
  }
  return x;
}

}  // namespace membudget::llamacpp
