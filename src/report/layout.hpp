// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace membudget::report {

/// `text` as it may be shown on a terminal: names come from files and from the command line, so
/// control characters and broken UTF-8 become '?'; without `unicode` all but ASCII does.
[[nodiscard]] std::string printable(std::string_view text, bool unicode = true);

/// Columns that a printable text takes; every code point counts as one.
[[nodiscard]] int columns(std::string_view text);

/// `text` with spaces up to `width` columns; longer texts stay whole.
[[nodiscard]] std::string left(std::string_view text, int width);
[[nodiscard]] std::string right(std::string_view text, int width);

/// Lines of at most `width` columns, broken at spaces; a longer word is cut.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, int width);

}  // namespace membudget::report
