// SPDX-License-Identifier: MIT
#include "profiles/nearest.hpp"

#include <algorithm>
#include <utility>

#include "ascii.hpp"

namespace membudget {

std::size_t edit_distance(std::string_view first, std::string_view second) {
  const std::string a = lower(first);
  const std::string b = lower(second);
  // Three rows of the table of prefixes: two back, for swapped neighbours, one back, current.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    above[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::vector<std::string> nearest_names(std::string_view name, std::span<const std::string> names,
                                       std::size_t count) {
  const std::size_t limit = std::max<std::size_t>(2, name.size() / 3);
  const std::string wanted = lower(name);
  std::vector<std::pair<std::size_t, const std::string*>> near;
  for (const std::string& candidate : names) {
    std::size_t distance = edit_distance(name, candidate);
    // Half a name ("qwen3-coder") is as good a hint as a slip, but comes after real slips.
    if (distance > limit && wanted.size() > 2 &&
        lower(candidate).find(wanted) != std::string::npos) {
      distance = limit;
    }
    if (distance <= limit) {
      near.emplace_back(distance, &candidate);
    }
  }
  std::sort(near.begin(), near.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  });
  std::vector<std::string> out;
  for (const auto& [distance, candidate] : near) {
    if (out.size() == count) {
      break;
    }
    if (std::find(out.begin(), out.end(), *candidate) == out.end()) {
      out.push_back(*candidate);
    }
  }
  return out;
}

}  // namespace membudget
