// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/footprint.hpp"

namespace membudget::llamacpp {

/// estimate() for llama.cpp and what wraps it: places weights, lays out caches, and runs the
/// scheduler and the allocator over the worst-case graph.
[[nodiscard]] Footprint simulate(const Model& model, const Runtime& runtime,
                                 const Settings& settings);

}  // namespace membudget::llamacpp
