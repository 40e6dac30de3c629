// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "engine/llamacpp/adapters.hpp"
#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"
#include "engine/llamacpp/recurrent_state.hpp"
#include "membudget/footprint.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// What a simulation knows besides the sizes of its buffers; a view for describing them.
struct Simulated {
  const Model& model;
  const Settings& settings;
  const Geometry& geometry;
  const Placement& placement;
  const Adaptation& adaptation;
  PlacedBytes control_vector;
  const std::vector<KvCache>& caches;
  const RecurrentState& state;
  Bytes full_compute;  ///< Of the graph once the context is full; 0 where that makes no difference.
  /// Rows of hidden states that are handed out beside logits, for drafting
  /// (llama-context.cpp:2061).
  std::int64_t hidden_rows = 0;
  bool assumed = false;  ///< The graph is not the one that the engine builds.
};

/// Adds the parts of a context to a footprint whose buffers are known, each with what it rests on,
/// a clause for people and its rule with the numbers filled in.
void add_parts(Footprint& result, const Simulated& simulated);

/// All of one footprint as the `draft` part of another, by place; `name` says what drafts.
void add_as_draft(Footprint& whole, std::string_view name, const Footprint& draft);

}  // namespace membudget::llamacpp
