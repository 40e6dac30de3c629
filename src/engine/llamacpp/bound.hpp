// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "membudget/model.hpp"

namespace membudget::llamacpp {

/// What the compute buffers of a model whose architecture nobody described should not exceed.
struct ComputeBound {
  Bytes gpu;
  Bytes host;
};

/// From the widths of the tensors alone: twice what the widest gated feed-forward of a known
/// architecture keeps alive, the logits, and flash attention's copy of one layer's cache or, where
/// there is no flash attention, the scores of all heads. An assumption, to be marked as one.
[[nodiscard]] ComputeBound compute_bound(const Model& model, const Geometry& geometry,
                                         const std::vector<KvCache>& caches, bool flash);

}  // namespace membudget::llamacpp
