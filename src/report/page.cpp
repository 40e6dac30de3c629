// SPDX-License-Identifier: MIT
#include "report/page.hpp"

#include <fmt/format.h>

#include "report/bar.hpp"
#include "report/layout.hpp"
#include "report/summary.hpp"

namespace membudget::report {
namespace {

std::string_view verdict_colour(Verdict verdict) {
  switch (verdict) {
    case Verdict::comfortable:
      return "1;32";
    case Verdict::tight:
      return "1;33";
    case Verdict::crawls:
      return "1;35";
    case Verdict::does_not_fit:
      return "1;31";
  }
  return bold;
}

}  // namespace

void Page::raw(std::string_view line) {
  out_ += line;
  out_ += '\n';
}

void Page::title(std::string_view text) {
  raw(painted(text, bold, style_));
}

void Page::paragraph(std::string_view head, int indent, std::string_view text,
                     std::string_view sgr) {
  auto first = left(head, indent);
  for (const auto& line : wrapped(printable(text, style_.unicode), style_.width - indent)) {
    raw(first + (sgr.empty() ? line : painted(line, sgr, style_)));
    first = left("", indent);
  }
}

void Page::verdict(const Plan& plan) {
  const auto text = fmt::format("{}: {}.", words(plan.verdict), verdict_detail(plan));
  bool first = true;
  for (const auto& line : wrapped(printable(text, style_.unicode), style_.width)) {
    const auto head = words(plan.verdict).size();
    raw(first && line.size() >= head
            ? painted(line.substr(0, head), verdict_colour(plan.verdict), style_) +
                  line.substr(head)
            : line);
    first = false;
  }
}

}  // namespace membudget::report
