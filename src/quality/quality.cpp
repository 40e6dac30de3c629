// SPDX-License-Identifier: MIT
#include "membudget/quality.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <tuple>

#include "ascii.hpp"

namespace membudget {
namespace {

/// Doublings between two sizes.
double doublings(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t least = 1;
  return std::abs(
      std::log2(static_cast<double>(std::max(a, least)) / static_cast<double>(std::max(b, least))));
}

/// 0 within a factor of two, 1 within four, ...
int size_class(std::int64_t a, std::int64_t b) {
  return static_cast<int>(doublings(a, b));
}

bool is_plain(const QualityFigure& figure) {
  return figure.method == "plain";
}

}  // namespace

std::vector<QualityFigure> published_quality(const QualityTable& table,
                                             std::string_view quantization,
                                             std::int64_t parameters) {
  std::vector<QualityFigure> out;
  std::copy_if(table.weights.begin(), table.weights.end(), std::back_inserter(out),
               [&](const QualityFigure& each) {
                 return equal_ignoring_case(each.quantization, quantization);
               });
  std::stable_sort(out.begin(), out.end(), [&](const QualityFigure& a, const QualityFigure& b) {
    return std::tuple(size_class(a.parameters, parameters), -a.year, !is_plain(a),
                      doublings(a.parameters, parameters)) <
           std::tuple(size_class(b.parameters, parameters), -b.year, !is_plain(b),
                      doublings(b.parameters, parameters));
  });
  return out;
}

std::vector<CacheQualityFigure> published_cache_quality(const QualityTable& table,
                                                        ElementType key_type,
                                                        ElementType value_type,
                                                        std::int64_t parameters) {
  std::vector<CacheQualityFigure> out;
  std::copy_if(table.cache.begin(), table.cache.end(), std::back_inserter(out),
               [&](const CacheQualityFigure& each) {
                 return each.key_type == key_type && each.value_type == value_type;
               });
  std::stable_sort(
      out.begin(), out.end(), [&](const CacheQualityFigure& a, const CacheQualityFigure& b) {
        return doublings(a.parameters, parameters) < doublings(b.parameters, parameters);
      });
  return out;
}

std::vector<QualityClaim> claims_of(const QualityTable& table, std::string_view quantization) {
  std::vector<QualityClaim> out;
  std::copy_if(table.claims.begin(), table.claims.end(), std::back_inserter(out),
               [&](const QualityClaim& each) {
                 return equal_ignoring_case(each.quantization, quantization);
               });
  return out;
}

Quality quality(const Model& model, const Settings& settings, const QualityTable& table) {
  const std::int64_t parameters = model.tensors.parameters();
  Quality out;
  out.weights = published_quality(table, model.quantization, parameters);
  out.cache =
      published_cache_quality(table, settings.cache_type_k, settings.cache_type_v, parameters);
  if (out.weights.empty()) {
    out.note = fmt::format("nobody published what {} loses",
                           model.quantization.empty() ? "this mix of types" : model.quantization);
  } else if (size_class(out.weights.front().parameters, parameters) > 0) {
    out.note = fmt::format("the nearest model it was measured on, {}, is {:.1f} times {}",
                           out.weights.front().model,
                           std::exp2(doublings(out.weights.front().parameters, parameters)),
                           out.weights.front().parameters > parameters ? "as large" : "smaller");
  }
  return out;
}

}  // namespace membudget
