// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// build_shortconv_block (lfm2.cpp:133)
NodeId Builder::short_convolution(const ShortConvolution& convolution, NodeId x) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t tokens = graph_[x].ne[1] / sequences;
  x = graph_.reshape(x, {graph_[x].ne[0], tokens, sequences, 1});
  const NodeId projected = adapted(required("shortconv.in_proj.weight"), x, "shortconv_in");
  const std::int64_t channels = graph_[projected].ne[0] / 3;
  const auto third = [&] {
    const auto& strides = graph_[projected].nb;
    return graph_.view(projected, {channels, tokens, sequences, 1},
                       {strides[1], strides[2], strides[3]});
  };
  const NodeId gated = graph_.mul(third(), third(), "shortconv_gate");
  const NodeId stored = state_tail();
  const NodeId tail =
      graph_.reshape(read_state(stored), {convolution.width - 1, channels, sequences, 1});
  const NodeId convolved =
      convolve(gated, convolution.width, tail, stored, "shortconv.conv.weight");
  const NodeId y = adapted(required("shortconv.out_proj.weight"),
                           graph_.mul(third(), convolved, "shortconv"), "shortconv_out");
  return graph_.reshape(y, {graph_[y].ne[0], tokens * sequences, 1, 1});
}

}  // namespace membudget::llamacpp
