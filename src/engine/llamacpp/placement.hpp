// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/graph.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// Where every weight lies, and what the buffers that hold them take.
struct Placement {
  std::vector<Storage> storage;  ///< By index in the tensor table.
  std::vector<Range> range;      ///< By index; addresses as Metal's reordering sees them.
  /// By index: a rotary table, of which every layer uses the copy on its own device.
  std::vector<bool> shared_by_layers;
  std::vector<bool> layer_on_gpu;
  bool output_on_gpu = true;
  /// Of the token embedding where it is used as the output's weights too.
  Storage tied_output = Storage::gpu;
  /// Every layer and the output are on the GPU (n_gpu_layers > n_layer_all).
  bool full_offload = true;
  /// As the engine prints them: what each side maps or allocates. Mapped ranges may overlap.
  Bytes gpu_model;
  Bytes host_model;
  /// CPU_REPACK: copies of weights, rearranged for the CPU's kernels; never mapped.
  Bytes repacked;
  /// Bytes of host_model that no Metal buffer maps as well.
  Bytes host_only;

  /// Where `layer` finds the tensor with index `tensor`.
  [[nodiscard]] Storage storage_for(std::size_t tensor, std::int64_t layer) const {
    if (!shared_by_layers[tensor] || layer < 0) {
      return storage[tensor];
    }
    return layer_on_gpu[static_cast<std::size_t>(layer)] ? Storage::gpu : Storage::cpu;
  }
};

/// Assigns weights to buffers as llama_model does (llama-model.cpp:1365-1396 and 1615-1635,
/// llama-model-loader.cpp:1083-1200; llama.cpp b10587): the input layer stays on the CPU, the last
/// `gpu_layers` layers (the output counts as one) go to Metal, unless an override names the
/// tensor. Mapped files are not copied: a buffer is the range of the file from its first to its
/// last tensor. What an Apple CPU repacks is always a copy.
[[nodiscard]] Placement place_weights(const Model& model, const Settings& settings);

}  // namespace membudget::llamacpp
