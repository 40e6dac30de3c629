// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/tensor.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What one quantization of one model lost against the original, as somebody published it.
struct QualityFigure {
  std::string model;  ///< "LLaMA-3-8B"
  std::int64_t parameters = 0;
  std::int64_t year = 0;     ///< Of the model: newer ones are trained longer and lose more.
  std::string quantization;  ///< As llama-quantize names it: "Q4_K_M".
  std::string method;        ///< "plain", "imatrix" or "tuned".
  /// Perplexity / that of the original - 1: 0.0282 is 2.82 % more.
  std::optional<double> perplexity_increase;
  std::optional<double> mean_kld;  ///< Kullback-Leibler divergence from the original, in nats.
  std::optional<double> median_kld;
  std::optional<double> same_top;  ///< Share of tokens whose likeliest guess stays the same.
  std::string text;                ///< What was read: "wikitext-2 test".
  std::string source;
};

/// The same of quantized keys and values.
struct CacheQualityFigure {
  std::string model;
  std::int64_t parameters = 0;
  std::string weights;  ///< "F16"
  ElementType key_type = ElementType::f16;
  ElementType value_type = ElementType::f16;
  std::optional<double> perplexity_increase;  ///< Against an f16 cache.
  std::optional<double> mean_kld;
  std::optional<double> median_kld;
  std::optional<double> same_top;
  std::string note;  ///< May be empty.
  std::string source;
};

/// A figure that the source documents print, and what published measurements say to it.
struct QualityClaim {
  std::string quantization;  ///< "Q4_K_M", or a cache type: "cache q8_0".
  std::string claim;         ///< "perplexity +0.9 %"
  std::string document;
  std::string measured;  ///< In words, with figures.
};

/// profiles/quality.json.
struct QualityTable {
  std::vector<QualityFigure> weights;
  std::vector<CacheQualityFigure> cache;
  std::vector<QualityClaim> claims;
};

}  // namespace membudget
#pragma GCC visibility pop
