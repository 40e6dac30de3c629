// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "membudget/tensor.hpp"

namespace membudget::llamacpp {

/// The operations of ggml's graphs, as far as models use them (ggml.h, ggml_op).
enum class Op : std::uint8_t {
  none,
  // Views: no storage, no work.
  reshape,
  view,
  permute,
  transpose,
  add,
  add_id,
  sub,
  mul,
  div,
  scale,
  sqr,
  sqrt,
  log,
  clamp,
  unary,
  glu,
  fill,
  norm,
  rms_norm,
  group_norm,
  l2_norm,
  sum_rows,
  mean,
  cumsum,
  soft_max,
  argsort,
  top_k,
  mul_mat,
  mul_mat_id,
  rope,
  flash_attn_ext,
  get_rows,
  set_rows,
  set,
  cpy,
  cont,
  repeat,
  concat,
  pad,
  roll,
  tri,
  diag,
  solve_tri,
  ssm_conv,
  ssm_scan,
  gated_delta_net,
  rwkv_wkv6,
  rwkv_wkv7,
  lightning_indexer,
  gated_linear_attn,
  pool_2d,
  arange,
  im2col,
  upscale,
  rope_back,
  dsv4_hc_comb,
  dsv4_hc_pre,
  dsv4_hc_post,
};

[[nodiscard]] std::string_view to_string(Op op);

/// Index of a node in its graph; negative for "none".
using NodeId = std::int32_t;
constexpr NodeId no_node = -1;

/// Where the data of a node that the graph does not allocate lies.
enum class Storage : std::uint8_t {
  graph,   ///< Allocated by the graph allocator.
  gpu,     ///< A weight or cache in a Metal buffer.
  cpu,     ///< A weight or cache in ordinary memory.
  repack,  ///< A weight in the CPU's repacked buffer, which no other backend can read.
};

/// Where the engine insists on running a node (ggml_backend_sched_set_tensor_backend).
enum class Pin : std::uint8_t { none, metal, cpu };

/// Bytes that lie somewhere before the graph is built: what Metal's reordering compares.
struct Range {
  std::int32_t buffer = 0;  ///< Ranges in different buffers never overlap.
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// One operation, or a leaf (Op::none): a small value, its sources are indices.
struct Node {
  Op op = Op::none;
  ElementType type = ElementType::f32;
  Storage storage = Storage::graph;
  bool input = false;   ///< Filled from outside before every run; lives on the CPU.
  bool output = false;  ///< Read after the run, so never freed or overwritten.
  bool weight = false;  ///< In a buffer of weights (a cache is not).
  Pin pin = Pin::none;
  std::int16_t layer = -1;
  std::array<std::int64_t, 4> ne{1, 1, 1, 1};
  std::array<std::int64_t, 4> nb{4, 4, 4, 4};  ///< Strides in bytes.
  std::array<NodeId, 8> sources{no_node, no_node, no_node, no_node,
                                no_node, no_node, no_node, no_node};
  NodeId root = no_node;     ///< For views: whose storage this is.
  Range range{};             ///< When storage is not `graph`.
  std::string_view label{};  ///< A static name for people: "ffn_gate".

  [[nodiscard]] bool is_view() const { return root != no_node; }
  [[nodiscard]] std::int64_t elements() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
  /// Bytes from the first to the last element, gaps included (ggml_nbytes).
  [[nodiscard]] std::int64_t bytes() const;
  [[nodiscard]] bool contiguous() const;
  [[nodiscard]] bool contiguous_rows() const;
  [[nodiscard]] bool same_shape(const Node& other) const { return ne == other.ne; }
  [[nodiscard]] bool same_layout(const Node& other) const {
    return type == other.type && ne == other.ne && nb == other.nb;
  }
};

/// RESHAPE, VIEW, PERMUTE and TRANSPOSE (ggml_is_view_op).
[[nodiscard]] constexpr bool is_view_op(Op op) {
  return op >= Op::reshape && op <= Op::transpose;
}
/// The same and NONE (ggml_op_is_empty).
[[nodiscard]] constexpr bool is_empty_op(Op op) {
  return op <= Op::transpose;
}

using Shape = std::array<std::int64_t, 4>;

/// A symbolic compute graph: operations, shapes and sources, no data. Its methods mirror ggml's
/// constructors (ggml.c, llama.cpp b10587); expand() appends what a result needs in the order in
/// which ggml_build_forward_expand does.
class Graph {
 public:
  Graph();

  // Leaves.
  NodeId input(ElementType type, Shape shape, std::string_view label);
  /// A tensor that exists before the graph: a weight or a cache.
  NodeId stored(ElementType type, Shape shape, Storage storage, Range range, bool weight,
                std::string_view label);
  /// A constant the graph allocates and nobody fills from outside.
  NodeId constant(ElementType type, Shape shape, std::string_view label);

  // Operations, named as in ggml.
  NodeId unary_like(Op op, NodeId a, std::string_view label = {});
  NodeId binary(Op op, NodeId a, NodeId b, std::string_view label = {});
  NodeId add(NodeId a, NodeId b, std::string_view label = {}) {
    return binary(Op::add, a, b, label);
  }
  NodeId mul(NodeId a, NodeId b, std::string_view label = {}) {
    return binary(Op::mul, a, b, label);
  }
  NodeId scale(NodeId a, std::string_view label = {}) { return unary_like(Op::scale, a, label); }
  /// The result is a view of `a` (ggml_scale_inplace).
  NodeId scale_in_place(NodeId a) { return in_place(Op::scale, a); }
  /// Likewise (ggml_add_inplace).
  NodeId add_in_place(NodeId a, NodeId b) {
    const NodeId sum = in_place(Op::add, a);
    (*this)[sum].sources[1] = b;
    return sum;
  }
  /// CLAMP writes through a view of its source.
  NodeId clamp(NodeId a) { return in_place(Op::clamp, a); }
  NodeId mul_mat(NodeId weight, NodeId x, std::string_view label = {});
  NodeId mul_mat_id(NodeId experts, NodeId x, NodeId ids, std::string_view label = {});
  NodeId glu(NodeId gate, NodeId up, std::string_view label = {});
  /// One tensor that holds gate and up side by side.
  NodeId glu_fused(NodeId gate_up, std::string_view label = {});
  NodeId rope(NodeId a, NodeId positions, NodeId factors = no_node);
  NodeId soft_max(NodeId a, NodeId mask = no_node, NodeId sinks = no_node);
  NodeId flash_attn(NodeId q, NodeId k, NodeId v, NodeId mask, NodeId sinks = no_node);
  NodeId get_rows(NodeId a, NodeId rows, std::string_view label = {});
  /// Writes rows of `b` into `a`; the result is a view of `a`.
  NodeId set_rows(NodeId a, NodeId b, NodeId rows);
  /// Copies `a` into the storage of `b`.
  NodeId cpy(NodeId a, NodeId b);
  NodeId cast(NodeId a, ElementType type);
  NodeId cont(NodeId a);
  NodeId cont(NodeId a, Shape shape);
  NodeId repeat(NodeId a, Shape shape);
  NodeId concat(NodeId a, NodeId b, int dimension);
  NodeId pad(NodeId a, Shape added);
  NodeId sum_rows(NodeId a);
  NodeId argsort(NodeId a);
  /// The indices of the `k` largest of each row (argsort and a view, as ggml_argsort_top_k).
  NodeId argsort_top_k(NodeId a, std::int64_t k);
  /// The same as one operation, in no order (ggml_top_k).
  NodeId top_k(NodeId a, std::int64_t k);
  /// Any operation with an explicit result.
  NodeId operation(Op op, ElementType type, Shape shape, std::initializer_list<NodeId> sources,
                   std::string_view label = {});

  // Views.
  NodeId reshape(NodeId a, Shape shape);
  /// `nb` holds the strides of dimensions 1 to 3.
  NodeId view(NodeId a, Shape shape, std::array<std::int64_t, 3> nb);
  NodeId permute(NodeId a, std::array<int, 4> axes);
  NodeId transpose(NodeId a) { return permute_as(Op::transpose, a, {1, 0, 2, 3}); }

  /// Appends `result` and what it needs, sources first, left to right, each node once.
  void expand(NodeId result);
  /// Lets the leaves below take part (and be allocated) without running anything.
  void visit_leaf(NodeId leaf);

  [[nodiscard]] Node& operator[](NodeId id) { return nodes_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Node& operator[](NodeId id) const {
    return nodes_[static_cast<std::size_t>(id)];
  }
  /// The node whose storage `id` uses: itself, or what it is a view of.
  [[nodiscard]] NodeId base(NodeId id) const {
    const NodeId root = (*this)[id].root;
    return root == no_node ? id : root;
  }
  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(nodes_.size()); }
  /// Operations in execution order; leaves in order of first use; uses of a node by others.
  [[nodiscard]] const std::vector<NodeId>& order() const { return order_; }
  [[nodiscard]] const std::vector<NodeId>& leaves() const { return leaves_; }
  [[nodiscard]] std::int32_t uses(NodeId id) const { return uses_[static_cast<std::size_t>(id)]; }
  /// Nodes of order() that Metal starts as a kernel of their own: views are none, and what it
  /// fuses counts once (ggml-metal-ops.cpp, ggml_metal_op_norm and ggml_metal_op_bin: a norm with
  /// the MUL and ADD that follow it, and a chain of ADDs).
  [[nodiscard]] std::int64_t kernels() const;

  /// New nodes belong to this layer until the next call; -1 outside the layers.
  void set_layer(std::int64_t layer) { layer_ = static_cast<std::int16_t>(layer); }
  [[nodiscard]] std::int64_t layer() const { return layer_; }

 private:
  NodeId push(Node node);
  NodeId in_place(Op op, NodeId a);
  NodeId permute_as(Op op, NodeId a, std::array<int, 4> axes);

  std::vector<Node> nodes_;
  std::vector<NodeId> order_;
  std::vector<NodeId> leaves_;
  std::vector<std::int32_t> uses_;
  std::vector<std::uint8_t> visited_;
  std::vector<std::pair<NodeId, int>> stack_;
  std::int16_t layer_ = -1;
};

}  // namespace membudget::llamacpp
