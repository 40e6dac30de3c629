// SPDX-License-Identifier: MIT
#include <string>

#include "membudget/machine_report.hpp"
#include "report/layout.hpp"
#include "report/machine_sections.hpp"
#include "report/page.hpp"

namespace membudget {

using namespace report;

std::string to_text(const ThisMachine& host, const std::optional<Budget>& usual,
                    const TextStyle& style) {
  Page page(style);
  page.paragraph("", 0, machine_headline(host), bold);
  page.paragraph("", 0, profile_sentence(host), dim);
  for (const Section& section : sections(host, usual)) {
    page.blank();
    page.title(section.title);
    for (const Entry& row : section.rows) {
      page.paragraph("  " + row.label, 20, row.text);
    }
  }
  return std::move(page).str();
}

}  // namespace membudget
