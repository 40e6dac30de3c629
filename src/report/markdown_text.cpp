// SPDX-License-Identifier: MIT
#include "report/markdown_text.hpp"

#include "report/layout.hpp"

namespace membudget::report {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '<') {
      out += "&lt;";  // A backslash would do here, but not where HTML is filtered first.
    } else {
      if (std::string_view("\\`*_[]|~>#@").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace membudget::report
