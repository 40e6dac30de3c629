// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "engine/llamacpp/graph.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// Where every weight lies, and what the buffers that hold them take.
struct Placement {
  std::vector<Storage> storage;  ///< By index in the tensor table.
  std::vector<Range> range;      ///< By index; addresses as Metal's reordering sees them.
  std::vector<bool> layer_on_gpu;
  bool output_on_gpu = true;
  /// As the engine prints them: what each side maps or allocates. Mapped ranges may overlap.
  Bytes gpu_model;
  Bytes host_model;
  /// Bytes of host_model that no Metal buffer maps as well.
  Bytes host_only;
};

/// Assigns weights to buffers as llama_model does (llama-model.cpp:1365-1396 and 1615-1635,
/// llama.cpp b10587): the input layer stays on the CPU, the last `gpu_layers` layers (the output
/// counts as one) go to Metal. Mapped files are not copied: a buffer is the range of the file
/// from its first to its last tensor.
[[nodiscard]] Placement place_weights(const Model& model, const Settings& settings);

}  // namespace membudget::llamacpp
