// SPDX-License-Identifier: MIT
#include "report/layout.hpp"

#include <algorithm>
#include <cstddef>

namespace membudget::report {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool continuation(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

/// Bytes of the well-formed UTF-8 sequence at `at` that a terminal may see; 0 when it is none.
std::size_t sequence(std::string_view text, std::size_t at) {
  const auto lead = byte_at(text, at);
  if (lead < 0x20 || lead == 0x7F) return 0;
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!continuation(byte_at(text, at + i))) return 0;
  }
  const auto second = byte_at(text, at + 1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  // U+0080 to U+009F are control characters too, and U+200E to U+202E turn the line around.
  const bool control = lead == 0xC2 && second < 0xA0;
  const bool direction = lead == 0xE2 && second == 0x80 &&
                         ((byte_at(text, at + 2) & 0xFEU) == 0x8EU ||
                          (byte_at(text, at + 2) >= 0xA8 && byte_at(text, at + 2) <= 0xAE));
  return overlong || outside || control || direction ? 0 : size;
}

std::string spaces(int count) {
  return std::string(static_cast<std::size_t>(std::max(0, count)), ' ');
}

/// Bytes of the first `width` columns of `text`.
std::size_t prefix(std::string_view text, int width) {
  std::size_t at = 0;
  for (int column = 0; at < text.size() && column < width; ++column) {
    ++at;
    while (at < text.size() && continuation(byte_at(text, at))) ++at;
  }
  return at;
}

}  // namespace

std::string printable(std::string_view text, bool unicode) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto size = sequence(text, at);
    if (size == 1 || (size > 1 && unicode)) {
      out += text.substr(at, size);
    } else {
      out += '?';
    }
    at += std::max<std::size_t>(size, 1);
  }
  return out;
}

int columns(std::string_view text) {
  return static_cast<int>(std::ranges::count_if(
      text, [](char c) { return !continuation(static_cast<unsigned char>(c)); }));
}

std::string left(std::string_view text, int width) {
  return std::string(text) + spaces(width - columns(text));
}

std::string right(std::string_view text, int width) {
  return spaces(width - columns(text)) + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, int width) {
  width = std::max(width, 1);
  std::vector<std::string> lines;
  while (columns(text) > width) {
    const auto fitting = prefix(text, width);
    // A space right after the last fitting column ends the line just as well.
    const auto space = text.substr(0, fitting + 1).rfind(' ');
    const auto end = space == std::string_view::npos || space == 0 ? fitting : space;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

}  // namespace membudget::report
