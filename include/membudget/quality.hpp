// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "membudget/quality_table.hpp"
#include "membudget/workload.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What was published about a quantization, nearest to a model first. Never an estimate: what
/// nobody measured has no figures, and `note` says so.
struct Quality {
  std::vector<QualityFigure> weights;
  std::vector<CacheQualityFigure> cache;  ///< Empty for an f16 cache, which is the reference.
  std::string note;  ///< How far the nearest figure is from the model; empty when it is near.
};

/// Figures of `quantization` ("Q4_K_M", any case), those of models nearest in size first: sizes
/// within a factor of two count as equal, then newer models come first, for they lose more than
/// older ones at the same bits, and plain quantizations before those with an importance matrix.
[[nodiscard]] std::vector<QualityFigure> published_quality(const QualityTable& table,
                                                           std::string_view quantization,
                                                           std::int64_t parameters);

/// Figures of a cache with these types, nearest in size first.
[[nodiscard]] std::vector<CacheQualityFigure> published_cache_quality(const QualityTable& table,
                                                                      ElementType key_type,
                                                                      ElementType value_type,
                                                                      std::int64_t parameters);

/// What the documents claimed of `quantization`, beside what was measured.
[[nodiscard]] std::vector<QualityClaim> claims_of(const QualityTable& table,
                                                  std::string_view quantization);

/// Both for a model as it is quantized, with the cache types of `settings`.
[[nodiscard]] Quality quality(const Model& model, const Settings& settings,
                              const QualityTable& table);

}  // namespace membudget
#pragma GCC visibility pop
