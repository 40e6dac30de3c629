// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/graph.hpp"
#include "engine/llamacpp/placement.hpp"
#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// The part of a cache that belongs to one layer.
struct CacheLayer {
  bool present = false;
  Storage storage = Storage::gpu;
  std::int64_t key_width = 0;  ///< Elements per cell: heads times head size.
  /// Padded to the widest layer when V is stored transposed; 0 when there is none.
  std::int64_t value_width = 0;
  Range keys;
  Range values;
  Range state_values;  ///< Of a compressed cache: what the next summary will be made of.
  Range state_scores;
};

/// The caches of compressed attention, in the order of kv_caches().
enum CompressedCache : std::size_t {
  window_cache,       ///< The latest tokens, of every layer.
  overlapping_cache,  ///< Summaries of 4 tokens.
  long_cache,         ///< Summaries of 128 tokens.
  picker_cache,       ///< What the indexer compares with, beside the summaries of 4 tokens.
};

/// One llama_kv_cache: the layers that look back equally far share its cells
/// (llama-kv-cache.cpp:60-360, llama-kv-cache-iswa.cpp:73; llama.cpp b10587).
struct KvCache {
  bool sliding = false;
  bool indexer = false;  ///< Holds the keys of sparse attention's indexers.
  /// V is a part of K, so it is not stored; such keys are never rotated (build_attn_inp_k).
  bool keys_only = false;
  /// Tokens that a cell stands for. Above 1 tokens wait in a state, F32 whatever the cache types,
  /// until there are enough of them (llama_dsv4_comp_state).
  std::int64_t ratio = 1;
  std::int64_t state_rows = 0;   ///< Per stream.
  std::int64_t state_width = 0;  ///< Elements; there are values and as many scores.
  std::int64_t cells = 0;        ///< Per stream.
  std::int64_t streams = 1;
  ElementType key_type = ElementType::f16;
  ElementType value_type = ElementType::f16;
  bool values_transposed = false;  ///< Without flash attention.
  std::int64_t widest_value = 0;   ///< Over all layers of the model.
  /// Edge of the Hadamard matrix that quantized keys or values are rotated with; 0 = none.
  std::int64_t key_rotation = 0;
  std::int64_t value_rotation = 0;
  std::vector<CacheLayer> layers;  ///< By layer of the model.
  Bytes gpu;
  Bytes host;
  Bytes state_gpu;
  Bytes state_host;

  /// A summary is made of twice as many tokens as it stands for, half of them the previous one's.
  [[nodiscard]] bool overlaps() const { return state_rows > ratio; }
};

/// The caches a model gets: one, or one for full and one for sliding layers, or one for latents
/// and one for the indexers of sparse attention (llama-kv-cache-dsa.cpp, llama-kv-cache-msa.cpp),
/// or those that CompressedCache names (llama-kv-cache-dsv4.cpp). `flash` says whether V is laid
/// out for flash attention (also when `auto` later turns it off).
[[nodiscard]] std::vector<KvCache> kv_caches(const Model& model, const Settings& settings,
                                             const Geometry& geometry, const Placement& placement,
                                             const LlamaCppRules& rules, bool flash);

}  // namespace membudget::llamacpp
