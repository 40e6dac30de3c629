// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "engine/llamacpp/graph.hpp"
#include "engine/llamacpp/placement.hpp"
#include "membudget/attachments.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// What one adapter does to one weight.
struct AdaptedWeight {
  const Tensor* a = nullptr;
  const Tensor* b = nullptr;
  Storage storage = Storage::gpu;  ///< Of both: where the weight lies.
  Range range_a;
  Range range_b;
};

/// All adapters, by the name of the weight; of one weight in the order of the adapters.
struct Adaptation {
  std::map<std::string_view, std::vector<AdaptedWeight>> weights;
  std::int64_t tensors = 0;
  Bytes gpu;
  Bytes host;
};

/// Places adapters as llama_adapter_lora_init does (llama-adapter.cpp:155-360, llama.cpp b10587):
/// the matrices of a weight go to a buffer of the weight's kind, in ordinary memory where the CPU
/// has rearranged it. The engine reads all of it; nothing is mapped.
/// Throws Error{bad_request} for an adapter of another model.
[[nodiscard]] Adaptation place_adapters(const Model& model, const Settings& settings,
                                        const Placement& placement);

/// What lies where.
struct PlacedBytes {
  Bytes gpu;
  Bytes host;
};

/// A control vector is one F32 row per layer but the first, in the layer's own buffer
/// (llama_adapter_cvec::init, llama-adapter.cpp:60). Throws Error{bad_request} when it is another
/// model's.
[[nodiscard]] PlacedBytes place_control_vector(const Model& model, const Settings& settings,
                                               const Placement& placement);

}  // namespace membudget::llamacpp
