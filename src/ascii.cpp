// SPDX-License-Identifier: MIT
#include "ascii.hpp"

#include <algorithm>

namespace membudget {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text, std::string_view blanks) {
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

std::optional<double> decimal(std::string_view text) {
  constexpr int most_places = 18;  // Beyond what a double tells apart.
  double value = 0;
  double unit = 1;
  int places = 0;
  bool digit = false;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(c)) return std::nullopt;
    digit = true;
    if (point && ++places > most_places) continue;
    value = value * 10 + (c - '0');
    if (point) unit *= 10;
  }
  if (!digit) return std::nullopt;
  return value / unit;
}

std::string one_line(std::string_view text, std::size_t longest) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view more = "...";
  std::string out;
  out.reserve(std::min(text.size(), longest));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7f;
    if (out.size() + (control ? 4 : 1) > longest) {
      // Not in the middle of a character of several bytes.
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0U) == 0x80U) {
        out.pop_back();
      }
      if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) {
        out.pop_back();
      }
      return out.append(more);
    }
    if (control) {
      out.append("\\x") += digits[byte >> 4U];
      out += digits[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace membudget
