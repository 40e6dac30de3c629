// SPDX-License-Identifier: MIT
#include "report/bar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "report/layout.hpp"

namespace membudget::report {
namespace {

struct Look {
  std::string_view unicode;
  std::string_view ascii;
  std::string_view colour;
};

Look look(PartName name) {
  switch (name) {
    case PartName::weights:
      return {"█", "#", "34"};
    case PartName::kv_cache:
      return {"▓", "=", "35"};
    case PartName::recurrent_state:
      return {"▚", "%", "36"};
    case PartName::compute:
      return {"▒", "+", "33"};
    case PartName::output:
      return {"░", "o", "37"};
    case PartName::projector:
      return {"▞", "p", "94"};
    case PartName::adapter:
      return {"▙", "a", "95"};
    case PartName::draft:
      return {"▜", "d", "96"};
    case PartName::prompt_cache:
      return {"▟", "c", "93"};
    case PartName::runtime:
      return {"▤", "r", "32"};
  }
  return {"?", "?", "0"};
}

/// Column nearest to `value` on a scale of `width` columns for `whole`.
int column(Bytes value, Bytes whole, int width) {
  if (whole <= Bytes{}) return 0;
  // In floating point: a share of a bar needs no exactness, and the product could overflow.
  const double share = static_cast<double>(value.count()) / static_cast<double>(whole.count());
  return std::clamp(static_cast<int>(std::lround(share * width)), 0, width);
}

/// Columns per part. They sum to `total`; what is not nothing gets one while there are enough,
/// at the cost of the widest.
std::vector<int> shares(const std::vector<Segment>& parts, Bytes used, int total) {
  std::vector<int> widths(parts.size(), 0);
  Bytes sum;
  int filled = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    sum += parts[i].bytes;
    const int end = sum == used ? total : column(sum, used, total);
    widths[i] = end - filled;
    filled = end;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto widest = std::ranges::max_element(widths);
    if (widths[i] > 0 || parts[i].bytes <= Bytes{} || *widest < 2) continue;
    --*widest;
    ++widths[i];
  }
  return widths;
}

/// `label` beside a tick in column `at`, on the side where there is room.
std::string tick(const std::string& label, int at, std::string_view turned_left,
                 std::string_view turned_right) {
  const auto before = fmt::format("{} {}", label, turned_left);
  if (columns(before) <= at + 1) return right(before, at + 1);
  return right(turned_right, at + 1) + " " + label;
}

}  // namespace

std::string_view mark(PartName name, bool unicode) {
  return unicode ? look(name).unicode : look(name).ascii;
}

std::string_view colour(PartName name) {
  return look(name).colour;
}

std::string painted(std::string_view text, std::string_view sgr, const TextStyle& style) {
  return style.colour ? fmt::format("\x1b[{}m{}\x1b[0m", sgr, text) : std::string(text);
}

Gauge gauge(const Plan& plan) {
  Gauge out;
  const bool gpu = plan.binding == Binding::gpu;
  out.limit = gpu ? plan.budget.gpu_limit : plan.budget.ram_available;
  out.safe = std::max(Bytes{}, out.limit - plan.budget.safety_margin);
  for (const auto& part : plan.footprint.parts) {
    if (gpu && part.where != Place::gpu) continue;
    out.used += part.bytes;
    out.parts.push_back(part);
  }
  return out;
}

Segment numbered_segment(std::size_t n, Bytes bytes, bool unicode) {
  constexpr std::size_t names = static_cast<std::size_t>(PartName::runtime) + 1;
  const auto name = static_cast<PartName>(n % names);
  constexpr std::string_view letters = "abcdefghij";
  return {bytes, unicode ? mark(name, true) : letters.substr(n % names, 1), colour(name)};
}

std::vector<std::string> bar(const Plan& plan, const TextStyle& style) {
  std::vector<Segment> segments;
  for (const Part& part : gauge(plan).parts) {
    segments.push_back({part.bytes, mark(part.name, style.unicode), colour(part.name)});
  }
  return bar(plan, segments, style);
}

std::vector<std::string> bar(const Plan& plan, const std::vector<Segment>& segments,
                             const TextStyle& style) {
  const auto scale = gauge(plan);
  const int width = std::max(style.width - 4, 16);
  const auto whole = std::max(scale.limit, scale.used);
  const int limit = column(scale.limit, whole, width);
  const int safe = column(scale.safe, whole, width);
  const int used = column(scale.used, whole, width);

  const auto widths = shares(segments, scale.used, used);
  std::string cells;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    std::string run;
    for (int n = 0; n < widths[i]; ++n) run += segments[i].mark;
    if (!run.empty()) cells += painted(run, segments[i].colour, style);
  }
  for (int at = used; at < width; ++at) {
    cells += style.unicode ? (at < safe ? "·" : "╌") : (at < safe ? "." : "-");
  }

  const auto name = plan.binding == Binding::gpu ? "GPU limit" : "RAM available";
  const auto limit_label = fmt::format("{} {}", name, to_text(scale.limit));
  const auto safe_label = fmt::format("safe up to {}", to_text(scale.safe));
  // A tick stands over the last column that still belongs to it.
  const int limit_at = std::max(limit - 1, 0);
  const int safe_at = std::max(safe - 1, 0);
  return {
      "  " + (style.unicode ? tick(limit_label, limit_at, "┐", "┌")
                            : tick(limit_label, limit_at, "|", "|")),
      "  " + cells,
      "  " + (style.unicode ? tick(safe_label, safe_at, "┘", "└")
                            : tick(safe_label, safe_at, "|", "|")),
  };
}

}  // namespace membudget::report
