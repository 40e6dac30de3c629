// SPDX-License-Identifier: MIT
#include "report/chart_scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace membudget::report {
namespace {

constexpr double gibibyte = 1073741824.0;
// Wider spans are logarithmic: doubling contexts then stand evenly.
constexpr double widest_linear = 8;
// A limit more than so many times the largest curve would press the curves to the floor.
constexpr double limit_in_sight = 4;

double rounded_up(double value, std::initializer_list<double> mantissas) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double mantissa : mantissas) {
    // A step of exactly 0.2 must not become 0.5 by a rounding error.
    if (mantissa * power >= value * (1 - 1e-9)) return mantissa * power;
  }
  return 10 * power;
}

}  // namespace

TokenScale::TokenScale(std::int64_t first, std::int64_t last)
    : first_(static_cast<double>(first)), last_(static_cast<double>(last)) {
  if (last <= first) {
    // One context alone stands in the middle.
    first_ /= 2;
    last_ = first_ * 4;
  }
  logarithmic_ = first_ > 0 && (last_ > widest_linear * first_ || last <= first);
}

double TokenScale::at(double tokens) const {
  return logarithmic_ ? std::log(tokens / first_) / std::log(last_ / first_)
                      : (tokens - first_) / (last_ - first_);
}

double TokenScale::tokens(double share) const {
  return logarithmic_ ? first_ * std::pow(last_ / first_, share)
                      : first_ + share * (last_ - first_);
}

std::vector<Tick> TokenScale::ticks(int most) const {
  std::vector<Tick> out;
  const auto add = [&](double value) {
    out.push_back({value, short_tokens(static_cast<std::int64_t>(std::llround(value)))});
  };
  most = std::max(most, 2);
  if (logarithmic_) {
    const int lowest = static_cast<int>(std::ceil(std::log2(first_) - 1e-9));
    const int highest = static_cast<int>(std::floor(std::log2(last_) + 1e-9));
    const int step = std::max(1, (highest - lowest + most - 2) / (most - 1));
    for (int power = lowest; power <= highest; power += step) add(std::exp2(power));
  } else {
    double step = 1;
    while ((last_ - first_) / step > most - 1) step *= 2;
    const auto lowest = static_cast<std::int64_t>(std::ceil(first_ / step));
    const auto highest = static_cast<std::int64_t>(std::floor(last_ / step));
    for (std::int64_t i = lowest; i <= highest; ++i) add(static_cast<double>(i) * step);
  }
  // The end is what a model was trained for; it deserves a mark unless one is near.
  const double room = 0.7 / most;
  if (out.empty() || at(last_) - at(out.back().value) > room) add(last_);
  return out;
}

MemoryScale::MemoryScale(Bytes largest)
    : top_(std::max(1.0, static_cast<double>(largest.count()) * 1.06)) {}

std::vector<Tick> MemoryScale::ticks(int most) const {
  const double step = rounded_up(top_ / gibibyte / std::max(most, 2), {1, 2, 5});
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  std::vector<Tick> out;
  for (int i = 0; i * step * gibibyte <= top_; ++i) {
    out.push_back({i * step * gibibyte, fmt::format("{:.{}f}", i * step, decimals)});
  }
  return out;
}

ChartExtent extent_of(const ChartPanel& panel) {
  ChartExtent out;
  for (const ChartCurve& curve : panel.curves) {
    const auto first = curve.points.front().tokens;
    out.first = out.first == 0 ? first : std::min(out.first, first);
    out.last = std::max(out.last, curve.points.back().tokens);
    for (const ChartPoint& point : curve.points) out.largest = std::max(out.largest, point.bytes);
  }
  out.limit_above = static_cast<double>(panel.limit.count()) >
                    limit_in_sight * static_cast<double>(out.largest.count());
  if (!out.limit_above) out.largest = std::max(out.largest, panel.limit);
  return out;
}

double bytes_at(const ChartCurve& curve, double tokens) {
  const auto after = std::ranges::find_if(curve.points, [&](const ChartPoint& point) {
    return static_cast<double>(point.tokens) >= tokens;
  });
  if (after == curve.points.end()) return static_cast<double>(curve.points.back().bytes.count());
  if (after == curve.points.begin()) return static_cast<double>(after->bytes.count());
  const ChartPoint& before = *(after - 1);
  const auto from = static_cast<double>(before.tokens);
  const double share = (tokens - from) / (static_cast<double>(after->tokens) - from);
  const auto low = static_cast<double>(before.bytes.count());
  return low + share * (static_cast<double>(after->bytes.count()) - low);
}

std::string short_tokens(std::int64_t tokens) {
  constexpr std::int64_t k = 1024;
  if (tokens >= k * k && tokens % (k * k) == 0) return fmt::format("{}M", tokens / (k * k));
  if (tokens >= k && tokens % k == 0) return fmt::format("{}k", tokens / k);
  return fmt::format("{}", tokens);
}

std::vector<double> spread(std::vector<double> wanted, double height, double least, double most) {
  // Where there are too many for the room they stand closer rather than outside.
  if (wanted.size() > 1) {
    height = std::min(height, (most - least) / static_cast<double>(wanted.size() - 1));
  }
  double lowest = least;
  for (double& at : wanted) {
    at = std::max(at, lowest);
    lowest = at + height;
  }
  double highest = most;
  for (auto at = wanted.rbegin(); at != wanted.rend(); ++at) {
    *at = std::min(*at, highest);
    highest = *at - height;
  }
  return wanted;
}

}  // namespace membudget::report
