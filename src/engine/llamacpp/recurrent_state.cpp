// SPDX-License-Identifier: MIT
#include "engine/llamacpp/recurrent_state.hpp"

#include <algorithm>

#include "engine/llamacpp/builder.hpp"
#include "membudget/units.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t alignment = 32;
constexpr std::int64_t float_bytes = 4;
// Apart from the buffers of the weights (1) and of the caches (16 and up).
constexpr std::int32_t gpu_buffer = 8;
constexpr std::int32_t host_buffer = 9;

struct Widths {
  std::int64_t tail = 0;
  std::int64_t matrix = 0;
};

// llama_hparams::n_embd_r and n_embd_s (llama-hparams.cpp:183 and 207). A convolution over
// `width` tokens needs the last width - 1 of them.
struct WidthsOf {
  std::int64_t embedding;

  Widths operator()(const Mamba& m) const {
    return {.tail = std::max<std::int64_t>(m.conv_width - 1, 0) *
                    (m.inner_dim + 2 * m.groups * m.state_dim),
            .matrix = m.state_dim * m.inner_dim};
  }
  Widths operator()(const DeltaNet& m) const {
    return {.tail = std::max<std::int64_t>(m.conv_width - 1, 0) *
                    (m.value_heads * m.value_dim + 2 * m.key_heads * m.key_dim),
            .matrix = m.key_dim * m.value_dim * m.value_heads};
  }
  Widths operator()(const ShortConvolution& m) const {
    return {.tail = embedding * std::max<std::int64_t>(m.width - 1, 0), .matrix = 0};
  }
  Widths operator()(const Rwkv& m) const {
    return {.tail = m.shifts * embedding, .matrix = m.head_dim * embedding};
  }
  template <class Other>
  Widths operator()(const Other& /*other*/) const {
    return {};
  }
};

}  // namespace

std::int64_t RecurrentState::count() const {
  return std::count_if(layers.begin(), layers.end(),
                       [](const StateLayer& layer) { return layer.present; });
}

RecurrentState recurrent_state(const Model& model, const Geometry& geometry,
                               const Placement& placement, const Settings& settings) {
  RecurrentState result;
  result.slots = std::max<std::int64_t>(1, geometry.sequences);
  result.snapshots = 1 + settings.rollback;
  result.layers.resize(model.layers.size());
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Widths widths = std::visit(WidthsOf{model.embedding}, model.layers[i].mixer);
    if (widths.tail == 0) {
      widths = std::visit(WidthsOf{model.embedding}, model.layers[i].beside);
    }
    if (widths.tail == 0 && widths.matrix == 0) {
      continue;
    }
    const bool on_gpu = placement.layer_on_gpu[i] && settings.kv_offload;
    Bytes& end = on_gpu ? result.gpu : result.host;
    const auto reserve = [&](std::int64_t width) {
      const Bytes begin = end;
      const Bytes size = Bytes{float_bytes} * width * result.slots * result.snapshots;
      end += Bytes{round_up(size.count(), alignment)};
      return Range{.buffer = on_gpu ? gpu_buffer : host_buffer,
                   .begin = begin.count(),
                   .end = (begin + size).count()};
    };
    StateLayer& layer = result.layers[i];
    layer.present = true;
    layer.storage = on_gpu ? Storage::gpu : Storage::cpu;
    layer.tail_width = widths.tail;
    layer.matrix_width = widths.matrix;
    layer.tail = reserve(widths.tail);
    layer.matrix = reserve(widths.matrix);
  }
  return result;
}

// Tokens after which the state is kept.
std::int64_t Builder::snapshots() const {
  return state_.snapshots;
}

// The tails of `kept` tokens that the next batch begins with: the last, and one for each token that
// it can be taken back by (build_conv_state, src/models/delta-net-base.cpp).
void Builder::keep_tails(NodeId joined, NodeId stored, std::int64_t kept) {
  const Shape shape = graph_[joined].ne;
  const std::array<std::int64_t, 4> nb = graph_[joined].nb;
  const std::int64_t width = kept * shape[1];
  const std::int64_t row = float_bytes * width;
  for (std::int64_t i = 0; i < snapshots(); ++i) {
    const NodeId tail =
        graph_.view(joined, {kept, shape[1], shape[2], 1}, {nb[1], nb[2], nb[2] * shape[2]});
    graph_.expand(graph_.cpy(
        tail, graph_.view(stored, {width, shape[2], 1, 1}, {row, row * shape[2], row * shape[2]})));
  }
}

// The R or S tensor of the layer being built: a row per slot and snapshot.
NodeId Builder::state_tail() {
  const StateLayer& own = state_.layers[static_cast<std::size_t>(layer_)];
  return graph_.stored(ElementType::f32, {own.tail_width, state_.slots * state_.snapshots, 1, 1},
                       own.storage, own.tail, false, "state_r");
}

NodeId Builder::state_matrix() {
  const StateLayer& own = state_.layers[static_cast<std::size_t>(layer_)];
  return graph_.stored(ElementType::f32, {own.matrix_width, state_.slots * state_.snapshots, 1, 1},
                       own.storage, own.matrix, false, "state_s");
}

// build_rs_inp_impl (llama-graph.cpp:3451). Every use is a view of one input, so Metal's split
// copies the views and not the input itself.
NodeId Builder::state_rows() {
  if (state_rows_ == no_node) {
    const NodeId all = graph_.input(ElementType::i32, {state_.slots, 1, 1, 1}, "state_rows");
    const auto part = [&](std::int64_t rows) {
      const std::int64_t bytes = float_bytes * rows;
      return graph_.view(all, {rows, 1, 1, 1}, {bytes, bytes, bytes});
    };
    state_rows_ = part(geometry_.sequences);
    state_rows_extra_ = part(state_.slots - geometry_.sequences);
  }
  return state_rows_;
}

// build_rs up to where the states are read: clears the state that new sequences start from.
NodeId Builder::open_state(NodeId stored) {
  const std::int64_t width = graph_[stored].ne[0];
  const NodeId states = graph_.reshape(stored, graph_[stored].ne);
  const std::int64_t row = float_bytes * width;
  graph_.expand(graph_.scale_in_place(graph_.view(states, {width, 1, 1, 1}, {row, row, row})));
  return states;
}

// build_rs from there on: reads, then moves the states that this batch does not touch. There
// are none in the reserved graph, yet their empty nodes are part of it.
void Builder::close_state(NodeId stored, NodeId states, NodeId read) {
  graph_.expand(read);
  state_rows();
  const std::int64_t width = graph_[stored].ne[0];
  const std::int64_t row = graph_[stored].nb[1];
  const std::int64_t untouched = state_.slots - geometry_.sequences;
  const NodeId extra = graph_.get_rows(states, state_rows_extra_);
  graph_.expand(graph_.cpy(extra, graph_.view(stored, {width, untouched, 1, 1},
                                              {row, row * untouched, row * untouched})));
}

NodeId Builder::read_state(NodeId stored) {
  const NodeId states = open_state(stored);
  const NodeId rows = graph_.get_rows(states, state_rows(), "state");
  close_state(stored, states, rows);
  return rows;
}

}  // namespace membudget::llamacpp
