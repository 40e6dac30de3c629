// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// The numbers llama_context derives from its parameters before it reserves memory
/// (llama-context.cpp:180-330, 581, 2399; llama.cpp b10587).
struct Geometry {
  std::int64_t context = 0;    ///< n_ctx: all slots together, padded.
  std::int64_t cells = 0;      ///< n_ctx_seq: cache rows per stream.
  std::int64_t streams = 1;    ///< Separate caches: 1 when unified, else one per slot.
  std::int64_t sequences = 1;  ///< n_seq_max: slots.
  std::int64_t batch = 0;      ///< n_batch
  std::int64_t ubatch = 0;     ///< n_ubatch
  std::int64_t tokens = 0;     ///< Of the worst-case graph.
  std::int64_t outputs = 0;    ///< Rows of logits of the worst-case graph.

  /// Positions in use, which a few graphs cover instead of the cache's rows. The engine reserves
  /// memory while there are none and counts these then (llama_kv_cache_msa_context::get_n_pos).
  std::int64_t positions = 256;

  [[nodiscard]] bool unified() const { return streams < sequences; }
};

/// Cache rows come in steps of this many (llama-context.cpp:288, since b6975).
constexpr std::int64_t context_step = 256;

[[nodiscard]] Geometry geometry(const Settings& settings, const Model& model);

}  // namespace membudget::llamacpp
