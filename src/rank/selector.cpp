// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/rank.hpp"

namespace membudget {
namespace {

using Axis = std::pair<std::string_view, std::string_view>;  // name, word

const SelectorRule& rule_of(const CapabilityRules& rules, const Axis& axis) {
  std::vector<std::string> known;
  for (const SelectorRule& each : rules.selector) {
    if (each.axis == axis.first) {
      if (each.value == axis.second) {
        return each;
      }
      known.push_back(each.value);
    }
  }
  throw Error(Errc::bad_request, fmt::format("--{}", axis.first),
              fmt::format("'{}' is not known; use one of {}", axis.second, fmt::join(known, ", ")));
}

}  // namespace

RankRequest selected(RankRequest request, const CapabilityRules& rules, std::string_view complexity,
                     std::string_view quality, std::string_view performance) {
  const std::array<Axis, 3> axes{
      {{"complexity", complexity}, {"quality", quality}, {"performance", performance}}};
  for (const Axis& axis : axes) {
    if (axis.second.empty()) {
      continue;
    }
    const SelectorRule& rule = rule_of(rules, axis);
    if (rule.enough_parameters > 0) {
      request.enough_parameters = rule.enough_parameters;
    }
    // What was asked for in numbers stands before a word.
    if (rule.least_tps > 0 && !request.min_tps) {
      request.min_tps = rule.least_tps;
    }
    if (!rule.quantizations.empty() && request.quantizations.empty()) {
      request.quantizations = rule.quantizations;
    }
  }
  return request;
}

std::optional<SelectorChoice> documents_choice(const CapabilityRules& rules,
                                               std::string_view complexity,
                                               std::string_view quality,
                                               std::string_view performance) {
  std::optional<SelectorChoice> otherwise;
  for (const SelectorChoice& each : rules.choices) {
    if (each.complexity.empty() && each.quality.empty() && each.performance.empty()) {
      otherwise = each;
    } else if (each.complexity == complexity && each.quality == quality &&
               each.performance == performance) {
      return each;
    }
  }
  return otherwise;
}

const RankedModel* fallback_of(const Ranking& ranking) {
  if (ranking.models.empty()) {
    return nullptr;
  }
  const Bytes first = ranking.models.front().plan.footprint.total();
  const auto small = std::find_if(
      ranking.models.begin(), ranking.models.end(),
      [&](const RankedModel& each) { return 2 * each.plan.footprint.total() <= first; });
  return small == ranking.models.end() ? nullptr : &*small;
}

}  // namespace membudget
