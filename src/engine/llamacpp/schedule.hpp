// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/device.hpp"
#include "engine/llamacpp/graph.hpp"

namespace membudget::llamacpp {

/// A run of nodes on one device, and the values that are copied to it before it starts.
struct Split {
  Device device = Device::cpu;
  std::int32_t begin = 0;  ///< Into Schedule::order.
  std::int32_t end = 0;
  std::vector<NodeId> inputs;  ///< Originals; their copies are in `copies`.
  std::vector<NodeId> copies;
};

/// How ggml's scheduler will run a graph: which device runs which node, in which order.
struct Schedule {
  std::vector<NodeId> order;   ///< The graph's operations; Metal's splits reordered.
  std::vector<Device> device;  ///< By node id, copies included.
  std::vector<Split> splits;
};

/// Which devices there are beside the CPU, and what they are asked to do.
struct Devices {
  bool metal = true;
  bool blas = true;        ///< Accelerate; it shares the CPU's buffers.
  bool op_offload = true;  ///< Metal may compute with weights that lie in host memory.
};

/// Assigns devices, cuts the graph into splits and orders Metal's splits, as
/// ggml_backend_sched_split_graph does (ggml-backend.cpp:1044, llama.cpp b10587). Sources that
/// a split cannot read are replaced in `graph` by copies.
[[nodiscard]] Schedule schedule(Graph& graph, const Devices& devices);

/// Metal's order of each of its splits: independent operations are pulled forward so that they can
/// run concurrently (ggml-metal-common.cpp:209, ggml_graph_optimize). In place.
void order_for_metal(const Graph& graph, std::vector<NodeId>& order,
                     const std::vector<Split>& splits);

}  // namespace membudget::llamacpp
