// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/graph.hpp"
#include "engine/llamacpp/schedule.hpp"
#include "membudget/runtime.hpp"

namespace membudget::llamacpp {

/// The free list of one growing buffer: best fit among the holes, else the end
/// (ggml_dyn_tallocr, ggml-alloc.c:201, llama.cpp b10587).
class FreeList {
 public:
  /// Both ggml-metal and the CPU align tensors to 32 bytes.
  static constexpr std::int64_t alignment = 32;

  [[nodiscard]] std::int64_t allocate(std::int64_t size);
  void release(std::int64_t offset, std::int64_t size);
  [[nodiscard]] std::int64_t peak() const { return peak_; }

 private:
  struct Block {
    std::int64_t offset;
    std::int64_t size;
  };
  std::vector<Block> blocks_{{0, std::int64_t{1} << 62}};
  std::int64_t peak_ = 0;
};

/// The compute buffers of a graph.
struct Allocation {
  std::int64_t gpu = 0;   ///< Bytes of Metal's compute buffer.
  std::int64_t host = 0;  ///< Bytes of the CPU's.
  /// The node whose allocation made Metal's buffer as large as it is (the CPU's without Metal).
  NodeId peak = no_node;
  /// What was allocated beside it at that moment, the node included.
  struct Alive {
    NodeId node;
    std::int64_t bytes;
  };
  std::vector<Alive> alive;
};

/// Walks the scheduled graph as ggml_gallocr does (ggml-alloc.c:717): leaves first, then each
/// node, taking over the storage of a source it may overwrite, freeing what nobody needs.
[[nodiscard]] Allocation allocate(const Graph& graph, const Schedule& schedule,
                                  const LlamaCppRules& rules);

}  // namespace membudget::llamacpp
