// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace membudget {

// Names, options and headers are ASCII where they mean anything; the functions of <cctype> would
// ask the locale and answer otherwise on another machine.

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Everything but the letters A to Z stays as it is.
[[nodiscard]] std::string lower(std::string_view text);

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Without the `blanks` at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text,
                                       std::string_view blanks = " \t\r\n\v\f");

/// The value of "12", "12.5" or ".5"; nothing for any other text. The nearest double as far as 15
/// digits go, and the same everywhere: strtod() takes a comma where the host's locale has one, and
/// std::from_chars for double is missing in libc++ 14.
[[nodiscard]] std::optional<double> decimal(std::string_view text);

/// Fit for a line on a terminal, whatever somebody else wrote into it: control characters are spelt
/// out ("\\x1b"), and of a text beyond `longest` bytes only the beginning is kept.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t longest = 2000);

}  // namespace membudget
