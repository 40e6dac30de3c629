// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/units.hpp"

namespace membudget::mlc {

/// The terms of EstimateMemoryUsageOnMode (mlc-llm 79d603f0, cpp/serve/config.cc:653-813), each
/// rounded up to whole bytes.
struct Terms {
  Bytes parameters;
  Bytes temporary;         ///< Twice what the largest compiled function takes (:850-855).
  Bytes cache_workspace;   ///< kv_aux_workspace_bytes
  Bytes model_workspace;   ///< model_workspace_bytes
  Bytes logits_workspace;  ///< logit_processor_workspace_bytes
  /// kv_bytes_per_token, in quarters of a byte: 1.25 of it are page tables.
  std::int64_t token_quarters = 0;

  /// All but the cache.
  [[nodiscard]] Bytes fixed() const;
  /// Of a cache of that many tokens.
  [[nodiscard]] Bytes cache(std::int64_t tokens) const;
};

/// Throws like footprint().
[[nodiscard]] Terms terms(const Model& model, const Runtime& runtime, const Settings& settings);

/// The share of Metal's working set that the engine takes for its own (gpu_memory_utilization).
[[nodiscard]] Bytes granted(const Runtime& runtime, Bytes working_set);

/// max_total_sequence_length as the engine chooses it for a working set, by its mode: 0 where not
/// even the rest has room, and the engine refuses to load.
[[nodiscard]] std::int64_t inferred_tokens(const Terms& terms, const Model& model,
                                           const Runtime& runtime, std::int64_t sequences,
                                           Bytes working_set);

/// Tokens a sequence may have: what the definition is compiled for, else the trained context.
[[nodiscard]] std::int64_t sequence_tokens(const Model& model, const Runtime& runtime);

}  // namespace membudget::mlc
