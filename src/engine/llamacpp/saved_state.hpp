// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/recurrent_state.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// Bytes of one sequence of `tokens` as the engine writes it to a file, a prompt cache or a
/// checkpoint (llama_context::state_seq_get_data, llama-kv-cache.cpp, llama-memory-recurrent.cpp;
/// llama.cpp b10587): all caches.
[[nodiscard]] Bytes saved_state(const Model& model, const std::vector<KvCache>& caches,
                                const RecurrentState& state, std::int64_t tokens);

/// The same of a context checkpoint (LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY): only what cannot be taken
/// back token by token, sliding windows and recurrent states. Nothing for models that have neither,
/// of which llama-server makes no checkpoints.
[[nodiscard]] Bytes checkpoint(const Model& model, const std::vector<KvCache>& caches,
                               const RecurrentState& state, std::int64_t tokens);

}  // namespace membudget::llamacpp
