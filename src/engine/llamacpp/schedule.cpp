// SPDX-License-Identifier: MIT
#include "engine/llamacpp/schedule.hpp"

#include <array>
#include <vector>

namespace membudget::llamacpp {
namespace {

std::vector<Device> by_priority(const Devices& devices) {
  std::vector<Device> result;
  if (devices.metal) {
    result.push_back(Device::metal);
  }
  if (devices.blas) {
    result.push_back(Device::blas);
  }
  result.push_back(Device::cpu);
  return result;
}

// Rows from which Metal offers to run a matrix multiplication whose weights the CPU holds
// (ggml-metal.cpp, offload_op).
constexpr std::int64_t offload_min_batch = 32;

// A split takes no more inputs before a new one is begun (ggml-backend.cpp:757).
constexpr std::size_t max_split_inputs = 30;

class Scheduler {
 public:
  Scheduler(Graph& graph, const Devices& devices)
      : graph_(graph),
        devices_(by_priority(devices)),
        blas_(devices.blas),
        op_offload_(devices.op_offload),
        device_(static_cast<std::size_t>(graph.size()), Device::none) {}

  Schedule run() {
    assign_by_buffers();
    spread_accelerators();
    spread_everything();
    settle();
    follow_views_and_users();
    Schedule result;
    result.order = graph_.order();
    cut(result);
    order_for_metal(graph_, result.order, result.splits);
    result.device = std::move(device_);
    return result;
  }

 private:
  Device& device(NodeId id) { return device_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] Device last() const { return devices_.back(); }
  [[nodiscard]] Storage storage(NodeId id) const { return graph_[graph_.base(id)].storage; }

  // The first device that reads the buffer of `tensor` and runs `op`.
  Device by_buffer(NodeId tensor, NodeId op) {
    const Storage where = storage(tensor);
    if (where == Storage::graph) {
      return Device::none;
    }
    for (const Device candidate : devices_) {
      if (reads(candidate, where) && supports(candidate, graph_, op)) {
        return candidate;
      }
    }
    return Device::none;
  }

  // ggml_backend_sched_backend_id_from_cur
  Device by_current(NodeId id) {
    if (const Device found = by_buffer(id, id); found != Device::none) {
      return found;
    }
    const Node& node = graph_[id];
    if (node.input) {
      return last();
    }
    // Their tables and sinks are too small to decide by.
    if (node.op == Op::rope || node.op == Op::flash_attn_ext) {
      return Device::none;
    }
    for (const NodeId source : node.sources) {
      if (source == no_node || !graph_[source].weight) {
        continue;
      }
      const Device found = by_buffer(source, id);
      if (found == last() && graph_[source].storage == Storage::cpu && offloads(id)) {
        return Device::metal;
      }
      return found;
    }
    return Device::none;
  }

  // op_offload: Metal takes large matrix multiplications whose weights lie in host memory. BLAS,
  // asked first, makes `found` differ from the last device, so only what it refuses gets here.
  bool offloads(NodeId id) {
    const Node& node = graph_[id];
    const std::int64_t batch = node.op == Op::mul_mat      ? node.ne[1]
                               : node.op == Op::mul_mat_id ? node.ne[2]
                                                           : 0;
    return op_offload_ && devices_.front() == Device::metal && batch >= offload_min_batch &&
           supports(Device::metal, graph_, id);
  }

  void assign_by_buffers() {
    for (const NodeId leaf : graph_.leaves()) {
      device(leaf) = by_current(leaf);
    }
    for (const NodeId id : graph_.order()) {
      const Device insisted = pinned(graph_[id].pin);
      device(id) =
          insisted != Device::none && supports(insisted, graph_, id) ? insisted : by_current(id);
    }
  }

  [[nodiscard]] Device pinned(Pin pin) const {
    switch (pin) {
      case Pin::metal:
        return devices_.front();
      case Pin::cpu:
        return devices_.back();
      case Pin::none:
        break;
    }
    return Device::none;
  }

  template <class Ids>
  void spread(const Ids& ids, bool stop_at_cpu) {
    Device current = Device::none;
    for (const NodeId id : ids) {
      if (is_view_op(graph_[id].op)) {
        continue;
      }
      if (device(id) != Device::none) {
        current = stop_at_cpu && device(id) == last() ? Device::none : device(id);
      } else if (current != Device::none && supports(current, graph_, id)) {
        device(id) = current;
      }
    }
  }

  struct Reversed {
    const std::vector<NodeId>& ids;
    [[nodiscard]] auto begin() const { return ids.rbegin(); }
    [[nodiscard]] auto end() const { return ids.rend(); }
  };

  void spread_accelerators() {
    spread(graph_.order(), true);
    spread(Reversed{graph_.order()}, true);
  }

  void spread_everything() {
    spread(graph_.order(), false);
    spread(Reversed{graph_.order()}, false);
  }

  // ggml_backend_sched_buffer_supported
  bool readable(NodeId source, Device reader) {
    const Storage where = storage(source);
    if (where != Storage::graph) {
      return reads(reader, where);
    }
    Device owner = device(source);
    if (owner == Device::none && graph_[source].is_view()) {
      owner = device(graph_[source].root);
    }
    if (owner == Device::none) {
      return false;
    }
    return reads(reader, owner == Device::metal ? Storage::gpu : Storage::cpu);
  }

  void settle() {
    for (const NodeId id : graph_.order()) {
      if (is_view_op(graph_[id].op)) {
        continue;
      }
      if (device(id) == Device::none) {
        device(id) = most_readable(id);
      } else if (device(id) == Device::cpu && blas_) {
        // Only BLAS shares the CPU's buffers, so only that upgrade is possible.
        upgrade_to_blas(id);
      }
    }
  }

  Device most_readable(NodeId id) {
    Device best = Device::none;
    int most = -1;
    for (const Device candidate : devices_) {
      if (!supports(candidate, graph_, id)) {
        continue;
      }
      int count = 0;
      for (const NodeId source : graph_[id].sources) {
        if (source != no_node && readable(source, candidate)) {
          ++count;
        }
      }
      if (count > most) {
        most = count;
        best = candidate;
      }
    }
    return best;
  }

  void upgrade_to_blas(NodeId id) {
    if (!supports(Device::blas, graph_, id)) {
      return;
    }
    for (const NodeId source : graph_[id].sources) {
      if (source != no_node && !readable(source, Device::blas)) {
        return;
      }
    }
    device(id) = Device::blas;
  }

  void follow_views_and_users() {
    for (const NodeId id : graph_.order()) {
      const Node& node = graph_[id];
      if (node.is_view() && device(id) == Device::none) {
        device(id) = device(node.root);
      }
      for (const NodeId source : node.sources) {
        if (source != no_node && device(source) == Device::none) {
          device(source) = graph_[source].is_view() ? device(graph_[source].root) : device(id);
        }
      }
      for (std::size_t i = 0; i < devices_.size() && device(id) == Device::none; ++i) {
        if (supports(devices_[i], graph_, id)) {
          device(id) = devices_[i];
        }
      }
    }
  }

  bool needs_new_split(const Node& node, const Split& split) {
    if (split.inputs.empty()) {
      return false;
    }
    for (const NodeId source : node.sources) {
      if (source == no_node) {
        continue;
      }
      if (graph_[source].weight && device(source) != split.device &&
          !readable(source, split.device)) {
        return true;
      }
      if (split.inputs.size() >= max_split_inputs && device(source) != split.device &&
          copy_on(source, split.device) == no_node && !readable(source, split.device)) {
        return true;
      }
    }
    return false;
  }

  NodeId copy_on(NodeId source, Device where) {
    const auto& copies = copies_[static_cast<std::size_t>(where)];
    const auto at = static_cast<std::size_t>(source);
    return at < copies.size() ? copies[at] : no_node;
  }

  NodeId make_copy(NodeId source, Split& split) {
    // Keeps the strides of the original (ggml_dup_tensor_layout).
    const Node original = graph_[source];
    const NodeId copy = graph_.constant(original.type, original.ne, original.label);
    graph_[copy].nb = original.nb;
    device_.push_back(split.device);
    auto& copies = copies_[static_cast<std::size_t>(split.device)];
    copies.resize(static_cast<std::size_t>(graph_.size()), no_node);
    copies[static_cast<std::size_t>(source)] = copy;
    split.inputs.push_back(source);
    split.copies.push_back(copy);
    return copy;
  }

  void cut(Schedule& result) {
    const std::vector<NodeId>& order = result.order;
    result.splits.emplace_back();
    for (const NodeId id : order) {
      if (!is_view_op(graph_[id].op)) {
        result.splits.back().device = device(id);
        break;
      }
    }
    bool started = false;
    for (std::int32_t at = 0; at < static_cast<std::int32_t>(order.size()); ++at) {
      const NodeId id = order[static_cast<std::size_t>(at)];
      if (is_view_op(graph_[id].op)) {
        continue;
      }
      Split* split = &result.splits.back();
      if (started && (device(id) != split->device || needs_new_split(graph_[id], *split))) {
        split->end = at;
        split = &result.splits.emplace_back();
        split->device = device(id);
        split->begin = at;
      }
      started = true;
      // Not those in the graph, which grows with every copy.
      auto sources = graph_[id].sources;
      for (NodeId& source : sources) {
        if (source == no_node || device(source) == split->device ||
            readable(source, split->device)) {
          continue;
        }
        const NodeId known = copy_on(source, split->device);
        source = known == no_node ? make_copy(source, *split) : known;
      }
      graph_[id].sources = sources;
    }
    result.splits.back().end = static_cast<std::int32_t>(order.size());
  }

  Graph& graph_;
  std::vector<Device> devices_;
  bool blas_;
  bool op_offload_;
  std::vector<Device> device_;
  std::array<std::vector<NodeId>, 3> copies_;
};

}  // namespace

Schedule schedule(Graph& graph, const Devices& devices) {
  return Scheduler(graph, devices).run();
}

}  // namespace membudget::llamacpp
