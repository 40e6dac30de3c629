// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/chart.hpp"

namespace membudget::report {

/// A mark on an axis.
struct Tick {
  double value = 0;  ///< Tokens or bytes.
  std::string label;
};

/// Where contexts stand: from 0 (the first) to 1 (the last).
class TokenScale {
 public:
  /// Logarithmic where the last is more than eight times the first.
  TokenScale(std::int64_t first, std::int64_t last);

  [[nodiscard]] bool logarithmic() const { return logarithmic_; }
  [[nodiscard]] double at(double tokens) const;
  /// The tokens that stand there.
  [[nodiscard]] double tokens(double share) const;
  /// At most `most` of them, at powers of two on a logarithmic scale, else at multiples of one; the
  /// last context where it has room.
  [[nodiscard]] std::vector<Tick> ticks(int most) const;

 private:
  double first_;
  double last_;
  bool logarithmic_;
};

/// Where sizes stand: 0 is nothing, 1 the top.
class MemoryScale {
 public:
  /// From nothing to a little more than `largest`.
  explicit MemoryScale(Bytes largest);

  [[nodiscard]] double at(Bytes size) const { return static_cast<double>(size.count()) / top_; }
  [[nodiscard]] double top() const { return top_; }  ///< In bytes.
  /// At round numbers of GiB.
  [[nodiscard]] std::vector<Tick> ticks(int most) const;

 private:
  double top_;
};

/// What a panel's scales have to hold.
struct ChartExtent {
  std::int64_t first = 0;
  std::int64_t last = 0;
  Bytes largest;             ///< Of the curves, and of the limit unless it is far above them.
  bool limit_above = false;  ///< The limit is so far above that the curves would lie on the floor.
};
[[nodiscard]] ChartExtent extent_of(const ChartPanel& panel);

/// What a curve takes at a context between two of its points: straight in tokens. Past its ends:
/// as at the end.
[[nodiscard]] double bytes_at(const ChartCurve& curve, double tokens);

/// "8k", "40k", "1M"; the digits where no suffix gives them exactly (k = 1024).
[[nodiscard]] std::string short_tokens(std::int64_t tokens);

/// Moves labels of `height` apart so that none overlaps, each as near to where it wants to be as
/// the order allows, all between `least` and `most`. Keeps the order of `wanted`, which ascends.
[[nodiscard]] std::vector<double> spread(std::vector<double> wanted, double height, double least,
                                         double most);

}  // namespace membudget::report
