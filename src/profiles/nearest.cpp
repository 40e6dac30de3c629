// SPDX-License-Identifier: MIT
#include "membudget/nearest.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
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

namespace {

/// Letters alone, for people who write "M1 Max" or "m1max" and mean "m1-max".
std::string without_separators(std::string_view name) {
  std::string out = lower(name);
  std::erase_if(out, [](char c) { return c == '-' || c == '_' || c == ' '; });
  return out;
}

/// How far a name is from the one that was written.
struct Nearness {
  std::size_t distance = 0;  ///< Slips; of half a name as many as are allowed.
  std::size_t letters =
      0;  ///< Missing ones count too: of one beginning the shortest name is first.
  const std::string* name = nullptr;

  bool operator<(const Nearness& other) const {
    return std::tie(distance, letters, *name) <
           std::tie(other.distance, other.letters, *other.name);
  }
};

std::optional<Nearness> nearness(std::string_view written, const std::string& candidate) {
  constexpr std::size_t fewest = 2;  // Letters that say anything.
  const std::string bare = without_separators(written);
  const std::string bare_candidate = without_separators(candidate);
  if (bare.empty()) {
    return std::nullopt;
  }
  const std::size_t letters = edit_distance(written, candidate);
  if (bare == bare_candidate) {
    return Nearness{0, letters, &candidate};
  }
  // With every letter replaced it would be another name.
  const std::size_t limit =
      std::min(std::max<std::size_t>(2, written.size() / 3), written.size() - 1);
  if (letters <= limit) {
    return Nearness{letters, letters, &candidate};
  }
  // Half a name ("qwen3-coder", "m1max") is as good a hint as a slip, but comes after real slips.
  if ((bare.size() >= fewest && bare_candidate.starts_with(bare)) ||
      (written.size() > fewest && lower(candidate).find(lower(written)) != std::string::npos)) {
    return Nearness{limit, letters, &candidate};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view name, std::span<const std::string> names,
                                       std::size_t count) {
  std::vector<Nearness> near;
  for (const std::string& candidate : names) {
    if (const auto found = nearness(name, candidate)) {
      near.push_back(*found);
    }
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (const Nearness& each : near) {
    if (out.size() == count) {
      break;
    }
    if (std::find(out.begin(), out.end(), *each.name) == out.end()) {
      out.push_back(*each.name);
    }
  }
  return out;
}

}  // namespace membudget
