// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "membudget/profiles.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// The kind by a word for it: "chips", "models", "quants", "runtimes", "stacks", the same in the
/// singular, "macs" and "quantizations". Throws RequestError{bad_request} for another word.
[[nodiscard]] ProfileKind kind_named(std::string_view word);

/// The first of those words: "quants".
[[nodiscard]] std::string_view plural_of(ProfileKind kind);

/// Every name that a profile answers to: id, tags, repository, aliases. Throws
/// Error{unknown_name}.
[[nodiscard]] std::vector<std::string> names_of(const Profiles& profiles, ProfileKind kind,
                                                std::string_view id);

/// The ids of the profiles that hold `part` in one of their names, in any case; empty: of all.
/// Quantizations from the most to the fewest bits, others by id.
[[nodiscard]] std::vector<std::string> listed_ids(const Profiles& profiles, ProfileKind kind,
                                                  std::string_view part = {});

/// These profiles as they stand in their files, in one JSON object by
/// profiles/schema/list.schema.json, indented, with a final newline.
[[nodiscard]] std::string list_json(const Profiles& profiles, ProfileKind kind,
                                    std::string_view part = {});

}  // namespace membudget
#pragma GCC visibility pop
