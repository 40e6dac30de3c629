// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/footprint.hpp"

namespace membudget::llamacpp {

/// estimate() for llama.cpp and what wraps it: places weights, lays out caches, and runs the
/// scheduler and the allocator over the worst-case graph.
[[nodiscard]] Footprint simulate(const Model& model, const Runtime& runtime,
                                 const Settings& settings);

/// The context that Qwen 3.5's blocks for drafting run in, beside the model's own: one layer on the
/// model's weights, a cache and compute buffers of its own (src/models/qwen35.cpp, graph_mtp).
[[nodiscard]] Footprint simulate_predictor(const Model& model, const Runtime& runtime,
                                           const Settings& settings);

}  // namespace membudget::llamacpp
