// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "membudget/chart.hpp"

namespace membudget::report {

/// Collects a page that needs nothing but itself. What is called text is escaped here, what is
/// called markup is taken as it is.
class HtmlPage {
 public:
  /// A heading and what follows it.
  void section(std::string_view title);
  void paragraph(std::string_view text, std::string_view css_class = {});
  void markup(std::string_view markup) { body_ += markup; }
  /// For wide windows and for phones: one of both is shown.
  void drawing(std::string_view wide, std::string_view narrow);
  /// The first column of `rows` heads its row. Cells are markup. `numbers` are columns that stand
  /// to the right.
  void table(std::string_view caption, const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows, std::size_t numbers_from,
             std::size_t numbers_to);
  /// Lines to copy, with a button that copies them.
  void commands(std::string_view title, std::string_view lines);
  /// A document for programs.
  void json(std::string_view id, std::string_view document);

  /// The whole page.
  [[nodiscard]] std::string str(std::string_view title) &&;

 private:
  std::string body_;
  bool copies_ = false;
};

/// The drawing styles of a page: `id` wide, `id`-narrow on phones.
inline constexpr int wide_drawing = 860;
inline constexpr int narrow_drawing = 380;
[[nodiscard]] ChartStyle wide_style(std::string_view id);
[[nodiscard]] ChartStyle narrow_style(std::string_view id);

/// The script that copies, and its hash for the page's security policy.
[[nodiscard]] std::string_view copy_script();
[[nodiscard]] std::string_view copy_script_hash();

}  // namespace membudget::report
