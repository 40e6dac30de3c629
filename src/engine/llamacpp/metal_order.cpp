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
    case Op::repeat:
      return true;
    default:
      return is_empty_op(op);
  }
}

bool starts_fusion(Op op) {
  return op == Op::add || op == Op::norm || op == Op::rms_norm;
}
bool continues_fusion(Op op) {
  return starts_fusion(op) || op == Op::mul;
}

// What an operation touches: the index of a tensor that the graph will allocate, or the complement
// of one in a list of ranges that already have an address.
using Access = std::int32_t;

// Consecutive nodes that one kernel computes, and what they touch.
struct Group {
  std::int32_t begin = 0;  ///< Into the order.
  std::int32_t end = 0;
  std::int32_t reads_begin = 0;  ///< Into Reorder::reads_.
  std::int32_t reads_end = 0;
  Access written = 0;  ///< By the last of them.
  bool empty = false;
  bool safe = false;
};

// What two sets of operations read and write: those that run at once, and those that wait for them.
// Tensors the graph will allocate are compared by identity, tensors that already have an address by
// address; ranges that only touch count as overlapping when the later one is checked
// (ggml_mem_ranges_check).
enum Set : std::uint8_t { concurrent, waiting };

class Ranges {
 public:
  explicit Ranges(std::int32_t nodes) : stamps_(static_cast<std::size_t>(nodes)) {}

  [[nodiscard]] Access access(const Graph& graph, NodeId base) {
    const Node& node = graph[base];
    if (node.storage == Storage::graph) {
      return base;
    }
    stored_.push_back(node.range);
    return ~static_cast<Access>(stored_.size() - 1);
  }
  void forget_accesses() { stored_.clear(); }

  void clear(Set set) {
    ++epoch_[set];
    stored_reads_[set].clear();
    stored_writes_[set].clear();
  }

  void add(Set set, Access access, bool write) {
    if (access >= 0) {
      Stamp& stamp = stamps_[static_cast<std::size_t>(access)];
      (write ? stamp.written : stamp.read)[set] = epoch_[set];
    } else {
      (write ? stored_writes_ : stored_reads_)[set].push_back(range(access));
    }
  }

  [[nodiscard]] bool conflicts(Set set, Access access, bool write) const {
    if (access >= 0) {
      const Stamp& stamp = stamps_[static_cast<std::size_t>(access)];
      return stamp.written[set] == epoch_[set] || (write && stamp.read[set] == epoch_[set]);
    }
    return overlaps(range(access), stored_writes_[set]) ||
           (write && overlaps(range(access), stored_reads_[set]));
  }

 private:
  // In which clearing of each set a tensor was last read and written.
  struct Stamp {
    std::array<std::uint32_t, 2> read{};
    std::array<std::uint32_t, 2> written{};
  };

  [[nodiscard]] const Range& range(Access access) const {
    return stored_[static_cast<std::size_t>(~access)];
  }
  static bool overlaps(const Range& range, const std::vector<Range>& others) {
    return std::any_of(others.begin(), others.end(), [&](const Range& other) {
      return range.buffer == other.buffer && range.begin < other.end && range.end >= other.begin;
    });
  }

  std::vector<Stamp> stamps_;
  std::vector<Range> stored_;
  std::array<std::vector<Range>, 2> stored_reads_;
  std::array<std::vector<Range>, 2> stored_writes_;
  std::array<std::uint32_t, 2> epoch_{1, 1};
};

class Reorder {
 public:
  Reorder(const Graph& graph, std::vector<NodeId>& order)
      : graph_(graph), order_(order), ranges_(graph.size()) {}

  void run(std::int32_t begin, std::int32_t end) {
    groups_.clear();
    reads_.clear();
    ranges_.forget_accesses();
    ranges_.clear(concurrent);
    group(begin, end);
    const auto count = static_cast<std::int32_t>(groups_.size());
    std::vector<bool> used(groups_.size());
    std::vector<NodeId> result;
    result.reserve(static_cast<std::size_t>(end - begin));
    for (std::int32_t i = 0; i < count; ++i) {
      if (used[static_cast<std::size_t>(i)]) {
        continue;
      }
      if (!at(i).empty && conflicts(concurrent, i)) {
        ranges_.clear(waiting);
        add(waiting, i);
        for (std::int32_t j = i + 1; j < std::min(i + look_ahead, count); ++j) {
          if (used[static_cast<std::size_t>(j)]) {
            continue;
          }
          if (!at(j).safe) {
            break;
          }
          if ((at(j).empty || !conflicts(concurrent, j)) && !conflicts(waiting, j)) {
            add(concurrent, j);
            emit(j, result);
            used[static_cast<std::size_t>(j)] = true;
          } else {
            add(waiting, j);
          }
        }
        ranges_.clear(concurrent);
      }
      add(concurrent, i);
      emit(i, result);
    }
    std::copy(result.begin(), result.end(), order_.begin() + begin);
  }

 private:
  [[nodiscard]] NodeId node(std::int32_t at) const { return order_[static_cast<std::size_t>(at)]; }
  [[nodiscard]] const Group& at(std::int32_t i) const {
    return groups_[static_cast<std::size_t>(i)];
  }

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
            reads_.push_back(ranges_.access(graph_, graph_.base(source)));
          }
        }
      }
      group.reads_end = static_cast<std::int32_t>(reads_.size());
      group.written = ranges_.access(graph_, graph_.base(node(i + length - 1)));
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

  void add(Set set, std::int32_t i) {
    for (std::int32_t k = at(i).reads_begin; k < at(i).reads_end; ++k) {
      ranges_.add(set, reads_[static_cast<std::size_t>(k)], false);
    }
    ranges_.add(set, at(i).written, true);
  }

  [[nodiscard]] bool conflicts(Set set, std::int32_t i) const {
    for (std::int32_t k = at(i).reads_begin; k < at(i).reads_end; ++k) {
      if (ranges_.conflicts(set, reads_[static_cast<std::size_t>(k)], false)) {
        return true;
      }
    }
    return ranges_.conflicts(set, at(i).written, true);
  }

  void emit(std::int32_t i, std::vector<NodeId>& result) const {
    for (std::int32_t k = at(i).begin; k < at(i).end; ++k) {
      result.push_back(node(k));
    }
  }

  const Graph& graph_;
  std::vector<NodeId>& order_;
  std::vector<Group> groups_;
  std::vector<Access> reads_;
  Ranges ranges_;
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
