// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "membudget/model.hpp"
#include "membudget/units.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// What one layer adds to the buffers of the device that has it.
struct LayerMemory {
  Bytes weights;
  Bytes cache;  ///< Keys and values.
  Bytes state;  ///< Of recurrent layers.
};

/// A model's memory by layer, for devices that each hold some of them.
struct LayeredMemory {
  std::vector<LayerMemory> layers;  ///< Blocks for drafting, which are not loaded, included.
  Bytes output;  ///< Weights after the last layer; a tied output is a copy of the embedding.
  Bytes input;   ///< Weights of the input layer, always on the host.
  Bytes tables;  ///< Rotary tables: every device that holds a layer has a copy.
};

/// Weights are counted as they are read into buffers (no mapping), padded to 32 bytes each
/// (ggml_backend_alloc_ctx_tensors_from_buft; llama.cpp b10587).
[[nodiscard]] LayeredMemory layer_memory(const Model& model, const Settings& settings, bool flash);

}  // namespace membudget::llamacpp
