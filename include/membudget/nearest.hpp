// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace membudget {

/// Letters to insert, delete, replace or swap with their neighbour to turn `a` into `b`;
/// upper and lower case are the same letter.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// Up to `count` of `names` that `name` may be a slip of, nearest first; then those it may be a
/// part of. Case, spaces, - and _ make no other name, so "M1 Max" is the beginning of
/// "m1-max-32gb". Empty when none is near enough to be meant, and for an empty `name`.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view name,
                                                     std::span<const std::string> names,
                                                     std::size_t count);

}  // namespace membudget
#pragma GCC visibility pop
