// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>

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

// Tensors the graph will allocate are compared by identity, tensors that already have an address by
// address; ranges that only touch count as overlapping when the later one is checked
// (ggml_mem_ranges_check).
class Ranges {
 public:
  [[nodiscard]] Access access(const Graph& graph, NodeId base) {
    const Node& node = graph[base];
    if (node.storage == Storage::graph) {
      return base;
    }
    stored_.push_back(node.range);
    return ~static_cast<Access>(stored_.size() - 1);
  }
  void clear() { stored_.clear(); }

  [[nodiscard]] bool overlap(Access checked, Access other) const {
    const Range& range = at(checked);
    const Range& before = at(other);
    return range.buffer == before.buffer && range.begin < before.end && range.end >= before.begin;
  }

 private:
  [[nodiscard]] const Range& at(Access access) const {
    const Access index = ~access;
    return stored_[static_cast<std::size_t>(index)];
  }

  std::vector<Range> stored_;
};

// What the operations that run at once read and write.
class Concurrent {
 public:
  Concurrent(std::int32_t nodes, const Ranges& ranges)
      : stamps_(static_cast<std::size_t>(nodes)), ranges_(ranges) {}

  void clear() {
    ++epoch_;
    stored_reads_.clear();
    stored_writes_.clear();
  }

  void add(Access access, bool write) {
    if (access >= 0) {
      Stamp& stamp = stamps_[static_cast<std::size_t>(access)];
      (write ? stamp.written : stamp.read) = epoch_;
    } else {
      (write ? stored_writes_ : stored_reads_).push_back(access);
    }
  }

  [[nodiscard]] bool conflicts(Access access, bool write) const {
    if (access >= 0) {
      const Stamp& stamp = stamps_[static_cast<std::size_t>(access)];
      return stamp.written == epoch_ || (write && stamp.read == epoch_);
    }
    return overlaps(access, stored_writes_) || (write && overlaps(access, stored_reads_));
  }

 private:
  // In which epoch a tensor was last read and written.
  struct Stamp {
    std::uint32_t read = 0;
    std::uint32_t written = 0;
  };

  [[nodiscard]] bool overlaps(Access access, const std::vector<Access>& others) const {
    return std::any_of(others.begin(), others.end(),
                       [&](Access other) { return ranges_.overlap(access, other); });
  }

  std::vector<Stamp> stamps_;
  const Ranges& ranges_;
  std::vector<Access> stored_reads_;
  std::vector<Access> stored_writes_;
  std::uint32_t epoch_ = 1;
};

// Of the groups before one, as far back as a search looks, those that touch what it touches, one of
// the two writing. Groups come in their order; bit b stands for the one b places before.
class Conflicts {
 public:
  Conflicts(std::int32_t nodes, const Ranges& ranges)
      : recent_(static_cast<std::size_t>(nodes)), ranges_(ranges) {}

  // What was before is too long ago from here on.
  void clear() {
    now_ += look_ahead;
    stored_.clear();
  }
  void next() { ++now_; }

  [[nodiscard]] std::uint64_t before(Access access, bool write) const {
    if (access >= 0) {
      const Recent& recent = recent_[static_cast<std::size_t>(access)];
      const std::int64_t age = now_ - recent.seen;
      return age < look_ahead ? (recent.written | (write ? recent.read : 0)) << age : 0;
    }
    std::uint64_t out = 0;
    for (auto other = stored_.rbegin(); other != stored_.rend(); ++other) {
      const std::int64_t age = now_ - other->seen;
      if (age >= look_ahead) {
        break;
      }
      if ((write || other->write) && ranges_.overlap(access, other->access)) {
        out |= std::uint64_t{1} << age;
      }
    }
    return out;
  }

  void add(Access access, bool write) {
    if (access >= 0) {
      Recent& recent = recent_[static_cast<std::size_t>(access)];
      const std::int64_t age = now_ - recent.seen;
      recent.read = age < look_ahead ? recent.read << age : 0;
      recent.written = age < look_ahead ? recent.written << age : 0;
      (write ? recent.written : recent.read) |= 1;
      recent.seen = now_;
    } else {
      stored_.push_back({.seen = now_, .access = access, .write = write});
    }
  }

 private:
  struct Recent {
    std::int64_t seen = -look_ahead;
    std::uint64_t read = 0;  ///< Bit b: b groups before `seen`.
    std::uint64_t written = 0;
  };
  struct Stored {
    std::int64_t seen = 0;
    Access access = 0;
    bool write = false;
  };

  std::vector<Recent> recent_;
  std::vector<Stored> stored_;
  const Ranges& ranges_;
  std::int64_t now_ = 0;
};

class Reorder {
 public:
  Reorder(const Graph& graph, std::vector<NodeId>& order)
      : graph_(graph),
        order_(order),
        concurrent_(graph.size(), ranges_),
        conflicts_(graph.size(), ranges_) {}

  void run(std::int32_t begin, std::int32_t end) {
    groups_.clear();
    follows_.clear();
    reads_.clear();
    ranges_.clear();
    concurrent_.clear();
    conflicts_.clear();
    group(begin, end);
    const auto count = static_cast<std::int32_t>(groups_.size());
    const std::vector<std::int32_t> unsafe = next_unsafe();
    std::vector<std::uint8_t> used(groups_.size());
    std::vector<NodeId> result;
    result.reserve(static_cast<std::size_t>(end - begin));
    for (std::int32_t i = 0; i < count; ++i) {
      if (used[static_cast<std::size_t>(i)] != 0) {
        continue;
      }
      if (!at(i).empty && conflicts(i)) {
        std::uint64_t waiting = 1;  // Bit b: the group b places before j waits.
        const auto last = static_cast<std::size_t>(
            std::min(i + look_ahead, unsafe[static_cast<std::size_t>(i) + 1]));
        for (auto k = static_cast<std::size_t>(i) + 1; k < last; ++k) {
          waiting <<= 1;
          if (used[k] != 0) {
            continue;
          }
          const auto j = static_cast<std::int32_t>(k);
          if ((follows_[k] & waiting) == 0 && (at(j).empty || !conflicts(j))) {
            add(j);
            emit(j, result);
            used[k] = 1;
          } else {
            waiting |= 1;
          }
        }
        concurrent_.clear();
      }
      add(i);
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
      std::uint64_t follows = 0;
      for_each_access(
          group, [&](Access access, bool write) { follows |= conflicts_.before(access, write); });
      follows_.push_back(follows);
      for_each_access(group, [&](Access access, bool write) { conflicts_.add(access, write); });
      conflicts_.next();
      groups_.push_back(group);
      i += length;
    }
  }

  // Of each group, and of the end, the first that is not before it and not safe.
  [[nodiscard]] std::vector<std::int32_t> next_unsafe() const {
    std::vector<std::int32_t> out(groups_.size() + 1, static_cast<std::int32_t>(groups_.size()));
    for (std::size_t i = groups_.size(); i-- > 0;) {
      out[i] = groups_[i].safe ? out[i + 1] : static_cast<std::int32_t>(i);
    }
    return out;
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

  template <class Each>
  void for_each_access(const Group& group, const Each& each) const {
    for (std::int32_t k = group.reads_begin; k < group.reads_end; ++k) {
      each(reads_[static_cast<std::size_t>(k)], false);
    }
    each(group.written, true);
  }

  void add(std::int32_t i) {
    for_each_access(at(i), [&](Access access, bool write) { concurrent_.add(access, write); });
  }

  [[nodiscard]] bool conflicts(std::int32_t i) const {
    const Group& group = at(i);
    for (std::int32_t k = group.reads_begin; k < group.reads_end; ++k) {
      if (concurrent_.conflicts(reads_[static_cast<std::size_t>(k)], false)) {
        return true;
      }
    }
    return concurrent_.conflicts(group.written, true);
  }

  void emit(std::int32_t i, std::vector<NodeId>& result) const {
    for (std::int32_t k = at(i).begin; k < at(i).end; ++k) {
      result.push_back(node(k));
    }
  }

  const Graph& graph_;
  std::vector<NodeId>& order_;
  std::vector<Group> groups_;
  std::vector<std::uint64_t> follows_;  ///< Bit b: must stay behind the group b places before it.
  std::vector<Access> reads_;
  Ranges ranges_;
  Concurrent concurrent_;
  Conflicts conflicts_;
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
