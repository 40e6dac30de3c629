// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "membudget/plan.hpp"
#include "membudget/report.hpp"

namespace membudget::report {

// SGR parameters.
inline constexpr std::string_view bold = "1";
inline constexpr std::string_view dim = "2";

/// Collects the lines of a text report; every string from outside passes through printable() here.
/// Views the style, which must outlive it.
class Page {
 public:
  explicit Page(const TextStyle& style) : style_(style) {}

  void blank() { out_ += '\n'; }
  /// Already laid out and coloured.
  void raw(std::string_view line);
  void title(std::string_view text);
  /// `text` after `head`, which takes `indent` columns on its first line only.
  void paragraph(std::string_view head, int indent, std::string_view text,
                 std::string_view sgr = {});
  /// What a plan is called and why, in one sentence.
  void verdict(const Plan& plan);
  [[nodiscard]] std::string str() && { return std::move(out_); }

 private:
  const TextStyle& style_;
  std::string out_;
};

}  // namespace membudget::report
