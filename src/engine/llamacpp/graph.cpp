// SPDX-License-Identifier: MIT
#include "engine/llamacpp/graph.hpp"

#include <algorithm>
#include <utility>

namespace membudget::llamacpp {
namespace {

// Block types pack several elements; strides count whole rows of them (ggml_row_size).
std::int64_t row_bytes(ElementType type, std::int64_t elements) {
  const ElementFormat& format = format_of(type);
  return elements / format.block_elements * format.block_bytes;
}

std::array<std::int64_t, 4> packed_strides(ElementType type, const Shape& ne) {
  const std::int64_t row = row_bytes(type, ne[0]);
  return {format_of(type).block_bytes, row, row * ne[1], row * ne[1] * ne[2]};
}

}  // namespace

std::string_view to_string(Op op) {
  static constexpr std::array<std::string_view, 60> names{"NONE",
                                                          "RESHAPE",
                                                          "VIEW",
                                                          "PERMUTE",
                                                          "TRANSPOSE",
                                                          "ADD",
                                                          "ADD_ID",
                                                          "SUB",
                                                          "MUL",
                                                          "DIV",
                                                          "SCALE",
                                                          "SQR",
                                                          "SQRT",
                                                          "LOG",
                                                          "CLAMP",
                                                          "UNARY",
                                                          "GLU",
                                                          "FILL",
                                                          "NORM",
                                                          "RMS_NORM",
                                                          "GROUP_NORM",
                                                          "L2_NORM",
                                                          "SUM_ROWS",
                                                          "MEAN",
                                                          "CUMSUM",
                                                          "SOFT_MAX",
                                                          "ARGSORT",
                                                          "TOP_K",
                                                          "MUL_MAT",
                                                          "MUL_MAT_ID",
                                                          "ROPE",
                                                          "FLASH_ATTN_EXT",
                                                          "GET_ROWS",
                                                          "SET_ROWS",
                                                          "SET",
                                                          "CPY",
                                                          "CONT",
                                                          "REPEAT",
                                                          "CONCAT",
                                                          "PAD",
                                                          "ROLL",
                                                          "TRI",
                                                          "DIAG",
                                                          "SOLVE_TRI",
                                                          "SSM_CONV",
                                                          "SSM_SCAN",
                                                          "GATED_DELTA_NET",
                                                          "RWKV_WKV6",
                                                          "RWKV_WKV7",
                                                          "LIGHTNING_INDEXER",
                                                          "GATED_LINEAR_ATTN",
                                                          "POOL_2D",
                                                          "ARANGE",
                                                          "IM2COL",
                                                          "UPSCALE",
                                                          "ROPE_BACK",
                                                          "DSV4_HC_COMB",
                                                          "DSV4_HC_PRE",
                                                          "DSV4_HC_POST"};
  return names[static_cast<std::size_t>(op)];
}

std::int64_t Node::bytes() const {
  const ElementFormat& format = format_of(type);
  if (elements() == 0) {
    return 0;  // views of states that the batch does not touch
  }
  std::int64_t total =
      format.block_elements == 1 ? format.block_bytes : ne[0] * nb[0] / format.block_elements;
  for (std::size_t i = format.block_elements == 1 ? 0 : 1; i < 4; ++i) {
    total += (ne[i] - 1) * nb[i];
  }
  return total;
}

bool Node::contiguous() const {
  const ElementFormat& format = format_of(type);
  std::int64_t next = format.block_bytes;
  if (ne[0] != format.block_elements && nb[0] != next) {
    return false;
  }
  next *= ne[0] / format.block_elements;
  for (std::size_t i = 1; i < 4; ++i) {
    if (ne[i] != 1 && nb[i] != next) {
      return false;
    }
    next = nb[i] == next || ne[i] != 1 ? next * ne[i] : next;
  }
  return true;
}

bool Node::contiguous_rows() const {
  const ElementFormat& format = format_of(type);
  return ne[0] == format.block_elements || nb[0] == format.block_bytes;
}

Graph::Graph() {
  constexpr std::size_t typical = 4096;
  nodes_.reserve(typical);
  order_.reserve(typical);
}

NodeId Graph::push(Node node) {
  node.layer = layer_;
  nodes_.push_back(node);
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId Graph::input(ElementType type, Shape shape, std::string_view label) {
  Node node{.type = type, .ne = shape, .nb = packed_strides(type, shape), .label = label};
  node.input = true;
  return push(node);
}

NodeId Graph::constant(ElementType type, Shape shape, std::string_view label) {
  return push({.type = type, .ne = shape, .nb = packed_strides(type, shape), .label = label});
}

NodeId Graph::stored(ElementType type, Shape shape, Storage storage, Range range, bool weight,
                     std::string_view label) {
  Node node{.type = type,
            .storage = storage,
            .ne = shape,
            .nb = packed_strides(type, shape),
            .range = range,
            .label = label};
  node.weight = weight;
  return push(node);
}

NodeId Graph::operation(Op op, ElementType type, Shape shape, std::initializer_list<NodeId> sources,
                        std::string_view label) {
  Node node{.op = op, .type = type, .ne = shape, .nb = packed_strides(type, shape), .label = label};
  std::size_t at = 0;
  for (const NodeId source : sources) {
    node.sources[at++] = source;
  }
  return push(node);
}

NodeId Graph::unary_like(Op op, NodeId a, std::string_view label) {
  // ggml duplicates the source's type and shape; only element-wise results of views are packed.
  return operation(op, (*this)[a].type, (*this)[a].ne, {a}, label);
}

NodeId Graph::binary(Op op, NodeId a, NodeId b, std::string_view label) {
  return operation(op, (*this)[a].type, (*this)[a].ne, {a, b}, label);
}

NodeId Graph::in_place(Op op, NodeId a) {
  Node node = (*this)[a];
  node.op = op;
  node.root = base(a);
  node.sources.fill(no_node);
  node.sources[0] = a;
  node.input = node.output = node.weight = false;
  node.pin = Pin::none;
  node.storage = Storage::graph;
  return push(node);
}

NodeId Graph::mul_mat(NodeId weight, NodeId x, std::string_view label) {
  const Node& w = (*this)[weight];
  const Node& in = (*this)[x];
  return operation(Op::mul_mat, ElementType::f32, {w.ne[1], in.ne[1], in.ne[2], in.ne[3]},
                   {weight, x}, label);
}

NodeId Graph::mul_mat_id(NodeId experts, NodeId x, NodeId ids, std::string_view label) {
  const Node& w = (*this)[experts];
  const Node& in = (*this)[x];
  return operation(Op::mul_mat_id, ElementType::f32, {w.ne[1], (*this)[ids].ne[0], in.ne[2], 1},
                   {experts, x, ids}, label);
}

NodeId Graph::glu(NodeId gate, NodeId up, std::string_view label) {
  return operation(Op::glu, (*this)[gate].type, (*this)[gate].ne, {gate, up}, label);
}

NodeId Graph::glu_fused(NodeId gate_up, std::string_view label) {
  Shape shape = (*this)[gate_up].ne;
  shape[0] /= 2;
  return operation(Op::glu, (*this)[gate_up].type, shape, {gate_up}, label);
}

NodeId Graph::rope(NodeId a, NodeId positions, NodeId factors) {
  return operation(Op::rope, (*this)[a].type, (*this)[a].ne, {a, positions, factors}, "rope");
}

NodeId Graph::soft_max(NodeId a, NodeId mask, NodeId sinks) {
  return operation(Op::soft_max, (*this)[a].type, (*this)[a].ne, {a, mask, sinks}, "soft_max");
}

NodeId Graph::flash_attn(NodeId q, NodeId k, NodeId v, NodeId mask, NodeId sinks) {
  const Shape& qs = (*this)[q].ne;
  return operation(Op::flash_attn_ext, ElementType::f32, {(*this)[v].ne[0], qs[2], qs[1], qs[3]},
                   {q, k, v, mask, sinks}, "flash_attn");
}

NodeId Graph::get_rows(NodeId a, NodeId rows, std::string_view label) {
  const Node& source = (*this)[a];
  const Node& ids = (*this)[rows];
  const ElementType type = source.type == ElementType::i32 ? ElementType::i32 : ElementType::f32;
  return operation(Op::get_rows, type, {source.ne[0], ids.ne[0], ids.ne[1], ids.ne[2]}, {a, rows},
                   label);
}

NodeId Graph::set_rows(NodeId a, NodeId b, NodeId rows) {
  Node node = (*this)[a];
  node.op = Op::set_rows;
  node.root = base(a);
  // ggml keeps the destination as the third source, so that it is alive (ggml_set_rows).
  node.sources = {b, rows, a, no_node, no_node, no_node, no_node, no_node};
  node.input = node.output = node.weight = false;
  node.pin = Pin::none;
  node.storage = Storage::graph;
  node.label = "store";
  return push(node);
}

NodeId Graph::cpy(NodeId a, NodeId b) {
  Node node = (*this)[b];
  node.op = Op::cpy;
  node.root = base(b);
  node.sources = {a, b, no_node, no_node, no_node, no_node, no_node, no_node};
  node.input = node.output = node.weight = false;
  node.pin = Pin::none;
  node.storage = Storage::graph;
  node.label = "copy";
  return push(node);
}

NodeId Graph::cast(NodeId a, ElementType type) {
  const NodeId id = operation(Op::cpy, type, (*this)[a].ne, {a}, "cast");
  (*this)[id].sources[1] = id;  // ggml_cast names itself as its destination
  return id;
}

NodeId Graph::cont(NodeId a) {
  return cont(a, (*this)[a].ne);
}

NodeId Graph::cont(NodeId a, Shape shape) {
  return operation(Op::cont, (*this)[a].type, shape, {a}, "cont");
}

NodeId Graph::repeat(NodeId a, Shape shape) {
  return operation(Op::repeat, (*this)[a].type, shape, {a}, "repeat");
}

NodeId Graph::concat(NodeId a, NodeId b, int dimension) {
  Shape shape = (*this)[a].ne;
  shape[static_cast<std::size_t>(dimension)] += (*this)[b].ne[static_cast<std::size_t>(dimension)];
  return operation(Op::concat, (*this)[a].type, shape, {a, b}, "concat");
}

NodeId Graph::pad(NodeId a, Shape added) {
  Shape shape = (*this)[a].ne;
  for (std::size_t i = 0; i < 4; ++i) {
    shape[i] += added[i];
  }
  return operation(Op::pad, (*this)[a].type, shape, {a}, "pad");
}

NodeId Graph::sum_rows(NodeId a) {
  Shape shape = (*this)[a].ne;
  shape[0] = 1;
  return operation(Op::sum_rows, (*this)[a].type, shape, {a}, "sum_rows");
}

NodeId Graph::argsort(NodeId a) {
  return operation(Op::argsort, ElementType::i32, (*this)[a].ne, {a}, "argsort");
}

NodeId Graph::argsort_top_k(NodeId a, std::int64_t k) {
  const NodeId sorted = argsort(a);
  const Node& node = (*this)[sorted];
  return view(sorted, {k, node.ne[1], node.ne[2], node.ne[3]},
              {node.nb[1], node.nb[2], node.nb[3]});
}

NodeId Graph::top_k(NodeId a, std::int64_t k) {
  Shape shape = (*this)[a].ne;
  shape[0] = k;
  return operation(Op::top_k, ElementType::i32, shape, {a}, "top_k");
}

NodeId Graph::reshape(NodeId a, Shape shape) {
  const Node& source = (*this)[a];
  Node node{.op = Op::reshape,
            .type = source.type,
            .ne = shape,
            .nb = packed_strides(source.type, shape),
            .label = source.label};
  node.sources[0] = a;
  node.root = base(a);
  return push(node);
}

NodeId Graph::view(NodeId a, Shape shape, std::array<std::int64_t, 3> nb) {
  const Node& source = (*this)[a];
  Node node{.op = Op::view,
            .type = source.type,
            .ne = shape,
            .nb = {format_of(source.type).block_bytes, nb[0], nb[1], nb[2]},
            .label = source.label};
  node.sources[0] = a;
  node.root = base(a);
  return push(node);
}

NodeId Graph::permute(NodeId a, std::array<int, 4> axes) {
  return permute_as(Op::permute, a, axes);
}

NodeId Graph::permute_as(Op op, NodeId a, std::array<int, 4> axes) {
  const Node& source = (*this)[a];
  Node node{.op = op, .type = source.type, .label = source.label};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto to = static_cast<std::size_t>(axes[i]);
    node.ne[to] = source.ne[i];
    node.nb[to] = source.nb[i];
  }
  node.sources[0] = a;
  node.root = base(a);
  return push(node);
}

void Graph::visit_leaf(NodeId leaf) {
  visited_.resize(nodes_.size());
  uses_.resize(nodes_.size());
  if (visited_[static_cast<std::size_t>(leaf)] == 0) {
    visited_[static_cast<std::size_t>(leaf)] = 1;
    leaves_.push_back(leaf);
  }
}

void Graph::expand(NodeId result) {
  visited_.resize(nodes_.size());
  uses_.resize(nodes_.size());
  if (visited_[static_cast<std::size_t>(result)] != 0) {
    return;
  }
  // Depth first without recursion: graphs are thousands of nodes deep.
  visited_[static_cast<std::size_t>(result)] = 1;
  stack_.emplace_back(result, 0);
  while (!stack_.empty()) {
    auto& [id, next] = stack_.back();
    const Node& node = (*this)[id];
    const NodeId source = next < static_cast<int>(node.sources.size())
                              ? node.sources[static_cast<std::size_t>(next)]
                              : no_node;
    if (next >= static_cast<int>(node.sources.size())) {
      (node.op == Op::none ? leaves_ : order_).push_back(id);
      stack_.pop_back();
      continue;
    }
    ++next;
    if (source == no_node) {
      continue;
    }
    ++uses_[static_cast<std::size_t>(source)];
    if (visited_[static_cast<std::size_t>(source)] == 0) {
      visited_[static_cast<std::size_t>(source)] = 1;
      stack_.emplace_back(source, 0);
    }
  }
}

std::int64_t Graph::kernels() const {
  std::int64_t count = 0;
  const Node* last = nullptr;  // What the latest kernel has computed so far.
  NodeId last_id = no_node;
  bool normed = false;  // ... began with a norm.
  for (const NodeId id : order_) {
    const Node& node = (*this)[id];
    if (is_empty_op(node.op)) {
      continue;
    }
    const bool reads_last =
        last != nullptr && uses(last_id) == 1 &&
        std::find(node.sources.begin(), node.sources.end(), last_id) != node.sources.end();
    const bool is_norm = node.op == Op::rms_norm || node.op == Op::norm;
    const bool scales = node.op == Op::mul && reads_last && normed &&
                        (last->op == Op::rms_norm || last->op == Op::norm);
    const bool shifts = node.op == Op::add && reads_last && normed && last->op == Op::mul;
    const bool sums = node.op == Op::add && reads_last && last->op == Op::add;
    if (!scales && !shifts && !sums) {
      ++count;
      normed = is_norm;
    }
    last = &node;
    last_id = id;
  }
  return count;
}

}  // namespace membudget::llamacpp
