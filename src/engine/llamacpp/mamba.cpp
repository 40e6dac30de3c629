// SPDX-License-Identifier: MIT
#include <algorithm>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t float_bytes = 4;

}  // namespace

// The convolution in front of a state-space model: the tail of the last batch is put before
// the tokens of this one, whose own tail is stored in its place. `inner` is a view of
// {channels, tokens, sequences}.
NodeId Builder::convolve(NodeId inner, std::int64_t width, NodeId read, NodeId stored,
                         std::string_view kernel) {
  const std::int64_t channels = graph_[inner].ne[0];
  const std::int64_t tokens = graph_[inner].ne[1];
  const std::int64_t sequences = graph_[inner].ne[2];
  const NodeId joined = graph_.concat(read, graph_.transpose(inner), 0);
  keep_tails(joined, stored, width - 1);
  return graph_.operation(Op::ssm_conv, ElementType::f32, {channels, tokens, sequences, 1},
                          {joined, required(kernel)}, "conv");
}

// ggml_ssm_scan: results of all tokens, then the new states, in one row. The states are read
// in place, through the indices that build_rs gives (get_ssm_rows in mamba-base.cpp).
NodeId Builder::scan_states(NodeId stored, const Mamba& mamba, NodeId x, NodeId dt, NodeId b,
                            NodeId c) {
  const Shape shape = graph_[x].ne;
  const std::int64_t sequences = shape[3];
  const std::int64_t width = mamba.state_dim * mamba.inner_dim;
  const NodeId states = open_state(stored);
  const NodeId matrices =
      graph_.reshape(states, {mamba.state_dim, shape[0], shape[1], state_.slots * snapshots()});
  const NodeId result =
      graph_.operation(Op::ssm_scan, ElementType::f32,
                       {graph_[x].elements() + width * sequences * snapshots(), 1, 1, 1},
                       {matrices, x, dt, required("ssm_a"), b, c, state_rows()}, "ssm_scan");
  close_state(stored, states, result);

  const std::int64_t row = float_bytes * width;
  const std::int64_t written = std::min(shape[2], snapshots());
  const auto all = [&](NodeId of) {
    return graph_.view(of, {width, sequences, written, 1},
                       {row, row * sequences, row * sequences * written});
  };
  graph_.expand(graph_.cpy(all(result), all(stored)));
  return result;
}

// build_mamba_layer (mamba-base.cpp:9)
NodeId Builder::mamba_1(const Mamba& mamba, NodeId x) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t tokens = graph_[x].ne[1] / sequences;
  const std::int64_t inner = mamba.inner_dim;
  const NodeId stored = state_tail();
  const NodeId tail =
      graph_.reshape(read_state(stored), {mamba.conv_width - 1, inner, sequences, 1});

  x = graph_.reshape(x, {graph_[x].ne[0], tokens, sequences, 1});
  const NodeId xz = adapted(required("ssm_in.weight"), x, "ssm_in");
  const auto half = [&] {
    const auto& strides = graph_[xz].nb;
    return graph_.view(xz, {inner, tokens, sequences, 1}, {strides[1], strides[2], strides[3]});
  };
  x = convolve(half(), mamba.conv_width, tail, stored, "ssm_conv1d.weight");
  x = graph_.add(x, required("ssm_conv1d.bias"), "conv");
  x = graph_.unary_like(Op::unary, x, "conv");

  const NodeId projected = adapted(required("ssm_x.weight"), x, "ssm_x");
  const std::array<std::int64_t, 4> strides = graph_[projected].nb;
  NodeId dt = graph_.view(projected, {mamba.time_rank, tokens, sequences, 1},
                          {strides[1], strides[2], strides[3]});
  const auto group = [&] {
    return graph_.view(projected, {mamba.state_dim, 1, tokens, sequences},
                       {float_bytes * mamba.state_dim, strides[1], strides[2]});
  };
  NodeId b = group();
  NodeId c = group();
  if (mamba.normalised || weight("ssm_dt_norm.weight") != no_node) {
    dt = norm("ssm_dt_norm", dt);
    b = norm("ssm_b_norm", b);
    c = norm("ssm_c_norm", c);
  }
  dt = linear("ssm_dt", dt, "ssm_dt");
  const NodeId values = graph_.reshape(x, {1, inner, tokens, sequences});
  const NodeId scanned = scan_states(state_matrix(), mamba, values, dt, b, c);

  const std::int64_t row = float_bytes * inner;
  NodeId y = graph_.view(scanned, {inner, tokens, sequences, 1},
                         {row, row * tokens, row * tokens * sequences});
  y = graph_.add(y, graph_.mul(x, required("ssm_d"), "ssm_d"), "ssm");
  y = graph_.glu(graph_.cont(half()), y, "ssm_gated");
  y = adapted(required("ssm_out.weight"), y, "ssm_out");
  return graph_.reshape(y, {graph_[y].ne[0], tokens * sequences, 1, 1});
}

// build_mamba2_layer (mamba-base.cpp:146)
NodeId Builder::mamba_2(const Mamba& mamba, NodeId x) {
  const std::int64_t sequences = geometry_.sequences;
  const std::int64_t tokens = graph_[x].ne[1] / sequences;
  const std::int64_t heads = mamba.time_rank;
  const std::int64_t head = mamba.inner_dim / heads;
  const std::int64_t channels = mamba.inner_dim + 2 * mamba.groups * mamba.state_dim;
  const NodeId stored = state_tail();
  const NodeId tail =
      graph_.reshape(read_state(stored), {mamba.conv_width - 1, channels, sequences, 1});

  x = graph_.reshape(x, {graph_[x].ne[0], tokens, sequences, 1});
  const NodeId projected = adapted(required("ssm_in.weight"), x, "ssm_in");
  const auto part = [&](NodeId of, std::int64_t width) {
    const auto& strides = graph_[of].nb;
    return graph_.view(of, {width, tokens, sequences, 1}, {strides[1], strides[2], strides[3]});
  };
  const auto split = [&](NodeId of, std::int64_t width, std::int64_t parts) {
    const auto& strides = graph_[of].nb;
    return graph_.view(of, {width, parts, tokens, sequences},
                       {float_bytes * width, strides[1], strides[2]});
  };
  const NodeId gate = split(projected, head, heads);
  NodeId dt = part(projected, heads);
  x = convolve(part(projected, channels), mamba.conv_width, tail, stored, "ssm_conv1d.weight");
  x = graph_.add(x, required("ssm_conv1d.bias"), "conv");
  x = graph_.unary_like(Op::unary, x, "conv");

  const NodeId values = split(x, head, heads);
  const NodeId b = split(x, mamba.state_dim, mamba.groups);
  const NodeId c = split(x, mamba.state_dim, mamba.groups);
  dt = graph_.add(graph_.cont(dt), required("ssm_dt.bias"), "ssm_dt");
  const NodeId scanned = scan_states(state_matrix(), mamba, values, dt, b, c);

  const std::int64_t row = float_bytes * head;
  NodeId y = graph_.view(scanned, {head, heads, tokens, sequences},
                         {row, row * heads, row * heads * tokens});
  y = graph_.add(y, graph_.mul(values, required("ssm_d"), "ssm_d"), "ssm");
  y = graph_.glu(graph_.cont(gate), y, "ssm_gated");
  if (weight("ssm_norm.weight") != no_node) {
    y = graph_.reshape(y, {mamba.inner_dim / mamba.groups, mamba.groups, tokens, sequences});
    y = norm("ssm_norm", y);
  }
  y = graph_.reshape(y, {mamba.inner_dim, tokens, sequences, 1});
  y = adapted(required("ssm_out.weight"), y, "ssm_out");
  return graph_.reshape(y, {graph_[y].ne[0], tokens * sequences, 1, 1});
}

NodeId Builder::mamba(const Mamba& mamba, NodeId x) {
  return mamba.version == 1 ? mamba_1(mamba, x) : mamba_2(mamba, x);
}

}  // namespace membudget::llamacpp
