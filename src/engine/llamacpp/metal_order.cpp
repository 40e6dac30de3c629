// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "engine/llamacpp/schedule.hpp"

namespace membudget::llamacpp {
namespace {

// ggml-metal-common.cpp: how far a search looks ahead, how long a fused run may be.
constexpr std::int32_t look_ahead = 64;
constexpr std::int32_t max_fused = 16;

// Operations that may be pulled forward; the search stops at any other.
bool safe(Op op) {
  switch (op) {
    case Op::mul_mat:
    case Op::mul_mat_id:
    case Op::rope:
    case Op::norm:
    case Op::rms_norm:
    case Op::group_norm:
    case Op::l2_norm:
    case Op::sum_rows:
    case Op::ssm_conv:
    case Op::ssm_scan:
    case Op::clamp:
    case Op::tri:
    case Op::diag:
    case Op::mul:
    case Op::add:
    case Op::sub:
    case Op::div:
    case Op::glu:
    case Op::scale:
    case Op::unary:
    case Op::get_rows:
    case Op::set_rows:
    case Op::set:
    case Op::cpy:
    case Op::cont:
    case Op::repeat: return true;
    default: return is_empty_op(op);
  }
}

bool starts_fusion(Op op) { return op == Op::add || op == Op::norm || op == Op::rms_norm; }
bool continues_fusion(Op op) { return starts_fusion(op) || op == Op::mul; }

// Consecutive nodes that one kernel computes, and what they touch.
struct Group {
  std::int32_t begin = 0;  ///< Into the order.
  std::int32_t end = 0;
  std::int32_t reads_begin = 0;  ///< Into Reorder::reads_.
  std::int32_t reads_end = 0;
  NodeId written = no_node;
  bool empty = false;
  bool safe = false;
};

// What a set of operations reads and writes. Tensors the graph will allocate are compared by
// identity, tensors that already have an address by address; ranges that only touch count as
// overlapping when the later one is checked (ggml_mem_ranges_check).
class Ranges {
 public:
  explicit Ranges(std::int32_t nodes)
      : read_(static_cast<std::size_t>(nodes)), written_(static_cast<std::size_t>(nodes)) {}

  void clear() {
    ++epoch_;
    stored_reads_.clear();
    stored_writes_.clear();
  }

  void add(const Graph& graph, NodeId base, bool write) {
    const Node& node = graph[base];
    if (node.storage == Storage::graph) {
      (write ? written_ : read_)[static_cast<std::size_t>(base)] = epoch_;
    } else {
      (write ? stored_writes_ : stored_reads_).push_back(node.range);
    }
  }

  [[nodiscard]] bool conflicts(const Graph& graph, NodeId base, bool write) const {
    const Node& node = graph[base];
    if (node.storage == Storage::graph) {
      const auto at = static_cast<std::size_t>(base);
      return written_[at] == epoch_ || (write && read_[at] == epoch_);
    }
    return overlaps(node.range, stored_writes_) || (write && overlaps(node.range, stored_reads_));
  }

 private:
  static bool overlaps(const Range& range, const std::vector<Range>& others) {
    return std::any_of(others.begin(), others.end(), [&](const Range& other) {
      return range.buffer == other.buffer && range.begin < other.end && range.end >= other.begin;
    });
  }

  std::vector<std::uint32_t> read_;
  std::vector<std::uint32_t> written_;
  std::vector<Range> stored_reads_;
  std::vector<Range> stored_writes_;
  std::uint32_t epoch_ = 1;
};

class Reorder {
 public:
  Reorder(const Graph& graph, std::vector<NodeId>& order)
      : graph_(graph), order_(order), concurrent_(graph.size()), waiting_(graph.size()) {}

  void run(std::int32_t begin, std::int32_t end) {
    groups_.clear();
    reads_.clear();
    concurrent_.clear();
    group(begin, end);
    const auto count = static_cast<std::int32_t>(groups_.size());
    std::vector<bool> used(groups_.size());
    std::vector<NodeId> result;
    result.reserve(static_cast<std::size_t>(end - begin));
    for (std::int32_t i = 0; i < count; ++i) {
      if (used[static_cast<std::size_t>(i)]) {
        continue;
      }
      if (!at(i).empty && conflicts(concurrent_, i)) {
        waiting_.clear();
        add(waiting_, i);
        for (std::int32_t j = i + 1; j < std::min(i + look_ahead, count); ++j) {
          if (used[static_cast<std::size_t>(j)]) {
            continue;
          }
          if (!at(j).safe) {
            break;
          }
          if ((at(j).empty || !conflicts(concurrent_, j)) && !conflicts(waiting_, j)) {
            add(concurrent_, j);
            emit(j, result);
            used[static_cast<std::size_t>(j)] = true;
          } else {
            add(waiting_, j);
          }
        }
        concurrent_.clear();
      }
      add(concurrent_, i);
      emit(i, result);
    }
    std::copy(result.begin(), result.end(), order_.begin() + begin);
  }

 private:
  [[nodiscard]] NodeId node(std::int32_t at) const { return order_[static_cast<std::size_t>(at)]; }
  [[nodiscard]] const Group& at(std::int32_t i) const { return groups_[static_cast<std::size_t>(i)]; }

  // Weights are only read, so they conflict with nothing, unless a node is a view of one: that
  // counts as writing it.
  [[nodiscard]] bool writes_weights(std::int32_t begin, std::int32_t end) const {
    for (std::int32_t i = begin; i < end; ++i) {
      if (graph_[graph_.base(node(i))].weight) {
        return true;
      }
    }
    return false;
  }

  void group(std::int32_t begin, std::int32_t end) {
    const bool with_weights = writes_weights(begin, end);
    groups_.reserve(static_cast<std::size_t>(end - begin));
    reads_.reserve(2 * static_cast<std::size_t>(end - begin));
    for (std::int32_t i = begin; i < end;) {
      std::int32_t length = 1;
      if (starts_fusion(graph_[node(i)].op)) {
        while (i + length < end && length < max_fused &&
               continues_fusion(graph_[node(i + length)].op)) {
          ++length;
        }
        while (length > 1 && !fusable(i, length)) {
          --length;
        }
      }
      Group group{.begin = i, .end = i + length};
      group.reads_begin = static_cast<std::int32_t>(reads_.size());
      for (std::int32_t k = i; k < i + length; ++k) {
        for (const NodeId source : graph_[node(k)].sources) {
          if (source != no_node && (with_weights || !graph_[graph_.base(source)].weight)) {
            reads_.push_back(graph_.base(source));
          }
        }
      }
      group.reads_end = static_cast<std::int32_t>(reads_.size());
      group.written = graph_.base(node(i + length - 1));
      group.empty = is_empty_op(graph_[node(i)].op);
      group.safe = safe(graph_[node(i)].op);
      groups_.push_back(group);
      i += length;
    }
  }

  // ggml_can_fuse: each inner result has one use, the next node, and the same shape.
  [[nodiscard]] bool fusable(std::int32_t begin, std::int32_t length) const {
    for (std::int32_t k = 0; k < length; ++k) {
      const NodeId id = node(begin + k);
      const Node& current = graph_[id];
      if (k < length - 1 && (graph_.uses(id) != 1 || current.is_view() || current.output)) {
        return false;
      }
      if (k > 0) {
        const NodeId previous = node(begin + k - 1);
        if ((current.sources[0] != previous && current.sources[1] != previous) ||
            !current.same_shape(graph_[previous])) {
          return false;
        }
      }
    }
    return true;
  }

  void add(Ranges& ranges, std::int32_t i) const {
    for (std::int32_t k = at(i).reads_begin; k < at(i).reads_end; ++k) {
      ranges.add(graph_, reads_[static_cast<std::size_t>(k)], false);
    }
    ranges.add(graph_, at(i).written, true);
  }

  [[nodiscard]] bool conflicts(const Ranges& ranges, std::int32_t i) const {
    for (std::int32_t k = at(i).reads_begin; k < at(i).reads_end; ++k) {
      if (ranges.conflicts(graph_, reads_[static_cast<std::size_t>(k)], false)) {
        return true;
      }
    }
    return ranges.conflicts(graph_, at(i).written, true);
  }

  void emit(std::int32_t i, std::vector<NodeId>& result) const {
    for (std::int32_t k = at(i).begin; k < at(i).end; ++k) {
      result.push_back(node(k));
    }
  }

  const Graph& graph_;
  std::vector<NodeId>& order_;
  std::vector<Group> groups_;
  std::vector<NodeId> reads_;
  Ranges concurrent_;
  Ranges waiting_;
};

}  // namespace

void order_for_metal(const Graph& graph, std::vector<NodeId>& order,
                     const std::vector<Split>& splits) {
  Reorder reorder(graph, order);
  for (const Split& split : splits) {
    if (split.device == Device::metal) {
      reorder.run(split.begin, split.end);
    }
  }
}

}  // namespace membudget::llamacpp
