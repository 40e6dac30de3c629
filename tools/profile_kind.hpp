// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "membudget/profiles.hpp"

/// What `list` and `show` call a kind: "chips", "chip"; quantizations are also "quants".
/// Throws UsageError for another word.
[[nodiscard]] membudget::ProfileKind kind_named(std::string_view word);

/// The word for `list`: "quants".
[[nodiscard]] std::string_view plural_of(membudget::ProfileKind kind);

/// The built-in profiles, with those of `folder` over them unless it is empty.
[[nodiscard]] membudget::Profiles profiles_with(const std::string& folder);
