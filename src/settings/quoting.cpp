// SPDX-License-Identifier: MIT
#include "settings/quoting.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace membudget::settings {
namespace {

bool plain_in_shell(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:=,+@%").find(c) != std::string_view::npos;
}

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// The code point at `at`, which moves behind it; nothing for what is not UTF-8.
std::optional<std::uint32_t> code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || at + length > text.size()) {
    return std::nullopt;
  }
  std::uint32_t out = length == 1 ? first : first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) return std::nullopt;
    out = out << 6U | (byte(at + i) & 0x3FU);
  }
  if ((length == 3 && out < 0x800) || (length == 4 && out < 0x10000) || out > 0x10FFFF) {
    return std::nullopt;
  }
  at += length;
  return out;
}

/// Surely printed, in the sense of Go's strconv.IsPrint: letters, marks, digits, signs and the
/// plain space. Leaves out more than Go does rather than less.
bool prints(std::uint32_t c) {
  const auto in = [c](std::uint32_t from, std::uint32_t to) { return c >= from && c <= to; };
  return in(0x20, 0x7E) || (in(0xA1, 0x2FF) && c != 0xAD) || in(0x300, 0x377) || in(0x3A3, 0x52F) ||
         in(0x5D0, 0x5EA) || in(0x620, 0x64A) || in(0x904, 0x939) || in(0xE01, 0xE3A) ||
         in(0x1E00, 0x1EFF) || in(0x2010, 0x2027) || in(0x2030, 0x205E) || in(0x20A0, 0x20BF) ||
         in(0x2190, 0x23FF) || in(0x2500, 0x27BF) || in(0x3001, 0x3029) || in(0x3041, 0x3096) ||
         in(0x30A0, 0x30FF) || in(0x4E00, 0x9FEF) || in(0xAC00, 0xD7A3) || in(0x1F300, 0x1F5FF) ||
         in(0x1F600, 0x1F64F);
}

bool prints(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = code_point(text, at);
    if (!c || !prints(*c)) return false;
  }
  return true;
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain_in_shell)) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string plain_path(std::string_view path) {
  const bool odd = path.starts_with('-') || path.starts_with('~');
  return (odd ? "./" : "") + std::string(path);
}

std::string comment(std::string_view text) {
  std::string out = "# ";
  std::transform(text.begin(), text.end(), std::back_inserter(out),
                 [](char c) { return control(c) ? '?' : c; });
  return out;
}

std::optional<std::string> modelfile_value(std::string_view text) {
  if (text.empty() || !prints(text)) {
    return std::nullopt;
  }
  if (text.front() == '"' || text.front() == ' ' || text.back() == ' ') {
    // The quotes end at the end of the line: quotes inside need nothing.
    return R"(""")" + std::string(text) + R"(""")";
  }
  return std::string(text);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) {
    out += (out.empty() ? "" : "\n") + line;
  }
  return out;
}

}  // namespace membudget::settings
