// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"

#include <string>

namespace membudget::llamacpp {

// build_ffn (llama-graph.cpp:1693)
// `suffix` names the shared experts' tensors: "_shexp".
NodeId Builder::dense(const DenseFeedForward& dense, NodeId x, std::string_view suffix) {
  const auto named = [&](std::string_view name) { return std::string(name).append(suffix); };
  const NodeId up = linear(named("ffn_up"), x, "ffn_up");
  NodeId hidden = no_node;
  switch (dense.gating) {
    case Gating::split: {
      const NodeId gate = linear(named("ffn_gate"), x, "ffn_gate");
      hidden = dense.clamped ? clamped_gate(gate, up) : graph_.glu(gate, up, "ffn_act");
      break;
    }
    case Gating::fused: hidden = graph_.glu_fused(up, "ffn_act"); break;
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
