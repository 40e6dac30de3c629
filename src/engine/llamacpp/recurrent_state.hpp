// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/graph.hpp"
#include "engine/llamacpp/placement.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// What one layer remembers of a sequence, whatever its length: the tail of its convolution (R)
/// and its state matrices (S). Widths are in F32 elements per sequence.
struct StateLayer {
  bool present = false;
  Storage storage = Storage::gpu;
  std::int64_t tail_width = 0;    ///< n_embd_r
  std::int64_t matrix_width = 0;  ///< n_embd_s; 0 for short convolutions.
  Range tail;
  Range matrix;
};

/// llama_memory_recurrent: F32 whatever the cache types, one row per slot
/// (llama-memory-recurrent.cpp:18; llama.cpp b10587).
struct RecurrentState {
  std::int64_t slots = 0;
  /// Rows per slot: the latest state, and those it can be taken back to (1 + n_rs_seq).
  std::int64_t snapshots = 1;
  std::vector<StateLayer> layers;  ///< By layer of the model.
  Bytes gpu;
  Bytes host;

  /// Layers that remember something.
  [[nodiscard]] std::int64_t count() const;
};

/// The states of a model; empty where no layer is recurrent.
[[nodiscard]] RecurrentState recurrent_state(const Model& model, const Geometry& geometry,
                                             const Placement& placement, const Settings& settings);

}  // namespace membudget::llamacpp
