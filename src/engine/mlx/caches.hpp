// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/units.hpp"

namespace membudget::mlx {

/// Layers that look back at the same window, and keep that much (RotatingKVCache, ChunkedKVCache).
struct WindowedCaches {
  std::int64_t window = 0;
  std::int64_t layers = 0;
  Bytes per_token;  ///< Of these layers together.
};

/// A layer whose attention computes scores into memory: H x tokens x tokens.
struct ScoredAttention {
  std::int64_t heads = 0;
  std::int64_t window = 0;  ///< 0 = the whole context.
  std::int64_t copies = 1;  ///< Arrays of that size.
  /// Beside them, per token of the context: keys and values of every head, decompressed.
  Bytes expanded;
};

/// What mlx-lm remembers for one sequence, and what an attention computes with it.
struct Caches {
  std::int64_t whole_layers = 0;  ///< With a cache of the whole context (KVCache).
  Bytes per_token;                ///< Of these together.
  std::vector<WindowedCaches> windowed;
  std::int64_t recurrent_layers = 0;
  Bytes state;  ///< Of recurrent layers, whatever the context (ArraysCache).
  /// Inputs of convolutions, per token of a prompt step: the state's tail is a view into them, so
  /// they live until the step is done (qwen3_5.py:159-167, mamba2.py:97-122, lfm2.py:146-162).
  Bytes inputs_per_token;
  std::vector<ScoredAttention> scored;
  std::int64_t scan_heads = 0;  ///< Of Mamba-2, whose scan of a prompt is computed block by block.
};

/// How mlx-lm stores each layer; `bits` are --kv-bits, 0 for 16-bit caches.
/// Throws Error{bad_request} for a model that mlx-lm has no file for, and for bits that its caches
/// refuse.
[[nodiscard]] Caches caches(const Model& model, const MlxRules& rules, std::int64_t bits);

}  // namespace membudget::mlx
