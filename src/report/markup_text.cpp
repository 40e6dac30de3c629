// SPDX-License-Identifier: MIT
#include "report/markup_text.hpp"

#include "report/layout.hpp"

namespace membudget::report {
namespace {

/// U+FFFE and U+FFFF are no characters of XML; U+2066 to U+2069 turn the line around.
bool unwanted(std::string_view sequence) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() < 3) return false;
  const bool none = at(0) == 0xEF && at(1) == 0xBF && at(2) >= 0xBE;
  const bool isolate = at(0) == 0xE2 && at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9;
  return none || isolate;
}

}  // namespace

std::string marked_up(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const std::string whole = printable(text);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (unwanted(std::string_view(whole).substr(i, 3))) {
      out += '?';
      i += 2;
      continue;
    }
    switch (const char c = whole[i]; c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string script_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    // All three stand in JSON only inside of strings, where this spelling means the same.
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace membudget::report
