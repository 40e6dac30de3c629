// SPDX-License-Identifier: MIT
#include "engine/llamacpp/allocator.hpp"

#include <algorithm>
#include <array>

#include "membudget/units.hpp"

namespace membudget::llamacpp {
namespace {

// ggml_op_can_inplace (ggml-alloc.c:22)
bool may_overwrite(Op op) {
  switch (op) {
    case Op::fill:
    case Op::scale:
    case Op::add:
    case Op::add_id:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::sqr:
    case Op::sqrt:
    case Op::log:
    case Op::unary:
    case Op::rope:
    case Op::rope_back:
    case Op::rms_norm:
    case Op::soft_max:
      return true;
    default:
      return false;
  }
}

class GraphAllocator {
 public:
  GraphAllocator(const Graph& graph, const Schedule& schedule, const LlamaCppRules& rules)
      : graph_(graph),
        schedule_(schedule),
        rules_(rules),
        states_(static_cast<std::size_t>(graph.size())),
        watched_(has_metal() ? 0 : 1) {}

  Allocation run() {
    for (const NodeId leaf : graph_.leaves()) {
      place(leaf, schedule_.device[static_cast<std::size_t>(leaf)]);
    }
    count();
    for (const Split& split : schedule_.splits) {
      for (std::size_t i = 0; i < split.inputs.size(); ++i) {
        // A dependency keeps the original until it is copied; the copy lives from here on.
        drop_use(split.inputs[i]);
        place(split.copies[i], split.device);
      }
      for (std::int32_t at = split.begin; at < split.end; ++at) {
        visit(schedule_.order[static_cast<std::size_t>(at)]);
      }
    }
    return result();
  }

 private:
  struct State {
    std::int32_t children = 0;
    std::int32_t views = 0;
    std::int64_t offset = 0;
    Device device = Device::none;
    bool allocated = false;
  };

  State& state(NodeId id) { return states_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] bool has_metal() const {
    return std::any_of(schedule_.splits.begin(), schedule_.splits.end(),
                       [](const Split& split) { return split.device == Device::metal; });
  }
  // BLAS computes in the CPU's buffers.
  static std::size_t pool(Device device) { return device == Device::metal ? 0 : 1; }
  [[nodiscard]] std::int64_t size(Device device, NodeId id) const {
    return allocation_size(device, graph_, id, rules_);
  }

  void count() {
    for (const Split& split : schedule_.splits) {
      for (const NodeId input : split.inputs) {
        ++state(input).children;
      }
    }
    for (const NodeId id : schedule_.order) {
      const Node& node = graph_[id];
      if (node.is_view()) {
        ++state(node.root).views;
      }
      for (const NodeId source : node.sources) {
        if (source != no_node) {
          ++state(source).children;
        }
      }
    }
  }

  void place(NodeId id, Device device) {
    const Node& node = graph_[id];
    State& own = state(id);
    if (own.allocated || node.is_view() || node.storage != Storage::graph) {
      return;
    }
    own.allocated = true;
    if (may_overwrite(node.op) && take_over(id)) {
      return;
    }
    own.device = device;
    const std::int64_t bytes = size(device, id);
    FreeList& list = lists_[pool(device)];
    const std::int64_t before = list.peak();
    own.offset = list.allocate(bytes);
    if (pool(device) == watched_) {
      live_.push_back(id);
      if (list.peak() > before) {
        peak_ = id;
        peak_live_ = live_;
      }
    }
  }

  bool take_over(NodeId id) {
    for (const NodeId source : graph_[id].sources) {
      if (source == no_node || source == id) {
        continue;
      }
      State& parent = state(source);
      // A view never owns storage, so it is never taken over.
      if (!parent.allocated || graph_[source].output || !graph_[source].same_layout(graph_[id]) ||
          parent.children != 1 || parent.views != 0) {
        continue;
      }
      State& own = state(id);
      own.device = parent.device;
      own.offset = parent.offset;
      parent.allocated = false;
      const std::int64_t had = round_up(size(parent.device, source), FreeList::alignment);
      const std::int64_t needs = round_up(size(parent.device, id), FreeList::alignment);
      if (had > needs) {
        lists_[pool(parent.device)].release(own.offset + needs, had - needs);
      }
      std::replace(live_.begin(), live_.end(), source, id);
      return true;
    }
    return false;
  }

  void free(NodeId id) {
    if (graph_[id].output) {
      return;
    }
    State& own = state(id);
    lists_[pool(own.device)].release(own.offset, size(own.device, id));
    own.allocated = false;
    if (pool(own.device) == watched_) {
      live_.erase(std::remove(live_.begin(), live_.end(), id), live_.end());
    }
  }

  void drop_use(NodeId id) {
    State& own = state(id);
    --own.children;
    if (own.children != 0 || own.views != 0) {
      return;
    }
    const Node& node = graph_[id];
    if (node.is_view()) {
      State& root = state(node.root);
      --root.views;
      if (root.views == 0 && root.children == 0 && root.allocated) {
        free(node.root);
      }
    } else if (own.allocated) {
      free(id);
    }
  }

  void visit(NodeId id) {
    const Device device = schedule_.device[static_cast<std::size_t>(id)];
    for (const NodeId source : graph_[id].sources) {
      if (source != no_node) {
        place(source, device);
      }
    }
    place(id, device);
    for (const NodeId source : graph_[id].sources) {
      if (source != no_node) {
        drop_use(source);
      }
    }
  }

  Allocation result() {
    Allocation allocation;
    allocation.gpu = lists_[0].peak();
    allocation.host = lists_[1].peak();
    allocation.peak = peak_;
    for (const NodeId id : peak_live_) {
      allocation.alive.push_back(
          {.node = id, .bytes = size(watched_ == 0 ? Device::metal : Device::cpu, id)});
    }
    return allocation;
  }

  const Graph& graph_;
  const Schedule& schedule_;
  const LlamaCppRules& rules_;
  std::vector<State> states_;
  std::array<FreeList, 2> lists_;
  std::size_t watched_;
  std::vector<NodeId> live_;
  std::vector<NodeId> peak_live_;
  NodeId peak_ = no_node;
};

}  // namespace

std::int64_t FreeList::allocate(std::int64_t size) {
  size = round_up(size, alignment);
  std::size_t best = blocks_.size() - 1;
  std::int64_t best_size = std::int64_t{1} << 62;
  for (std::size_t i = 0; i + 1 < blocks_.size(); ++i) {
    if (blocks_[i].size >= size && blocks_[i].size <= best_size) {
      best = i;
      best_size = blocks_[i].size;
    }
  }
  Block& block = blocks_[best];
  const std::int64_t offset = block.offset;
  block.offset += size;
  block.size -= size;
  if (block.size == 0) {
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(best));
  }
  peak_ = std::max(peak_, offset + size);
  return offset;
}

void FreeList::release(std::int64_t offset, std::int64_t size) {
  size = round_up(size, alignment);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = blocks_[i];
    if (block.offset + block.size == offset) {
      block.size += size;
      if (i + 1 < blocks_.size() && block.offset + block.size == blocks_[i + 1].offset) {
        block.size += blocks_[i + 1].size;
        blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
      return;
    }
    if (offset + size == block.offset) {
      block.offset = offset;
      block.size += size;
      if (i > 0 && blocks_[i - 1].offset + blocks_[i - 1].size == block.offset) {
        blocks_[i - 1].size += block.size;
        blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
      }
      return;
    }
  }
  const auto after = std::find_if(blocks_.begin(), blocks_.end(),
                                  [&](const Block& block) { return block.offset >= offset; });
  blocks_.insert(after, {offset, size});
}

Allocation allocate(const Graph& graph, const Schedule& schedule, const LlamaCppRules& rules) {
  return GraphAllocator(graph, schedule, rules).run();
}

}  // namespace membudget::llamacpp
