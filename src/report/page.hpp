// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "membudget/report.hpp"
#include "report/bar.hpp"
#include "report/layout.hpp"

namespace membudget::report {

inline constexpr std::string_view bold = "1";
inline constexpr std::string_view dim = "2";

/// Collects lines; every string from outside passes through printable() here.
class Page {
 public:
  explicit Page(const TextStyle& style) : style_(style) {}

  void blank() { out_ += '\n'; }
  /// Already laid out and coloured.
  void raw(std::string_view line) { (out_ += line) += '\n'; }
  void title(std::string_view text) { raw(painted(text, bold, style_)); }
  /// `text` after `head`, which takes `indent` columns on its first line only.
  void paragraph(std::string_view head, int indent, std::string_view text,
                 std::string_view sgr = {}) {
    auto first = left(head, indent);
    for (const auto& line : wrapped(printable(text, style_.unicode), style_.width - indent)) {
      raw(first + (sgr.empty() ? line : painted(line, sgr, style_)));
      first = left("", indent);
    }
  }
  [[nodiscard]] std::string str() && { return std::move(out_); }

 private:
  const TextStyle& style_;
  std::string out_;
};

}  // namespace membudget::report
