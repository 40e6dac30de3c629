// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// build_ffn (llama-graph.cpp:1693)
NodeId Builder::dense(const DenseFeedForward& dense, NodeId x) {
  const NodeId up = linear("ffn_up", x, "ffn_up");
  NodeId hidden = no_node;
  switch (dense.gating) {
    case Gating::split: hidden = graph_.glu(linear("ffn_gate", x, "ffn_gate"), up, "ffn_act"); break;
    case Gating::fused: hidden = graph_.glu_fused(up, "ffn_act"); break;
    case Gating::none: hidden = graph_.unary_like(Op::unary, up, "ffn_act"); break;
  }
  return linear("ffn_down", hidden, "ffn_down");
}

NodeId Builder::feed_forward(const FeedForward& feed_forward, NodeId x) {
  if (const auto* plain = std::get_if<DenseFeedForward>(&feed_forward)) {
    return dense(*plain, x);
  }
  return x;
}

}  // namespace membudget::llamacpp
