// SPDX-License-Identifier: MIT
#pragma once

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/graph.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// Whether layers pick the blocks of tokens that they attend to (MiniMax M3).
[[nodiscard]] bool picks_blocks(const Model& model);

/// What the engine makes of --flash-attn before it has seen a device (llama_init_from_model,
/// llama-context.cpp:3590-3629; llama.cpp b10587). Throws Error{bad_request} for cache types that
/// it refuses.
[[nodiscard]] FlashAttention checked_flash(const Model& model, const Settings& settings);

/// Throws Error{bad_request} for a pooling that ends the engine.
void check_pooling(const Model& model, const Settings& settings, const Geometry& geometry);

/// Throws Error{bad_request} when the scheduler's table of tensors is too small for the graph;
/// `adapter_tensors` of LoRA make room for their own nodes.
void check_scheduler_table(const Model& model, const Settings& settings,
                           std::int64_t adapter_tensors, const Graph& graph);

}  // namespace membudget::llamacpp
