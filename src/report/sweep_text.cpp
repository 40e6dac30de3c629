// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "membudget/chart.hpp"
#include "membudget/sweep_report.hpp"
#include "report/bar.hpp"
#include "report/chart_text.hpp"
#include "report/layout.hpp"
#include "report/markdown_text.hpp"
#include "report/page.hpp"
#include "report/sweep_panels.hpp"

namespace membudget {
namespace {

using namespace report;

constexpr int context_columns = 9;

/// One sign after a size says how it fits.
std::string_view verdict_mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::comfortable:
      return " ";
    case Verdict::tight:
      return "~";
    case Verdict::crawls:
      return "!";
    case Verdict::does_not_fit:
      return "x";
  }
  return " ";
}

std::string_view verdict_colour(Verdict verdict) {
  switch (verdict) {
    case Verdict::comfortable:
      return "32";
    case Verdict::tight:
      return "33";
    case Verdict::crawls:
      return "35";
    case Verdict::does_not_fit:
      return "31";
  }
  return "0";
}

std::string largest_of(const SweepSeries& series) {
  if (!series.refusal.empty()) return "-";
  return series.max_context > 0 ? fmt::format("{}", series.max_context) : "none";
}

/// "22.69~<": the size, how it fits, and whether it is the last of its column that does.
std::string text_cell(const SweepPanel& panel, std::size_t which, std::size_t at, int width,
                      const TextStyle& style) {
  const SweepSeries& series = *panel.series[which];
  const SweepPoint& point = series.points[at];
  if (!point.plan) return right("-  ", width);
  const bool frontier = largest_fitting(series) == &point;
  const auto text = right(fmt::format("{}{}{}", in_gib(counted(*point.plan, panel)),
                                      verdict_mark(point.plan->verdict), frontier ? "<" : " "),
                          width);
  return painted(text,
                 frontier ? fmt::format("1;{}", verdict_colour(point.plan->verdict))
                          : std::string(verdict_colour(point.plan->verdict)),
                 style);
}

/// Columns of series, as many as the page is wide.
void swept_table(Page& page, const SweepPanel& panel, const std::vector<std::int64_t>& contexts,
                 const TextStyle& style) {
  std::vector<int> widths;
  std::vector<std::string> labels;
  const int widest = style.width - context_columns;
  for (const auto& whole : panel.labels) {
    // A name that a whole line cannot hold is cut; its size stands below it all the same.
    labels.push_back(wrapped(printable(whole, style.unicode), widest - 2).front());
    widths.push_back(std::min(std::max(columns(labels.back()) + 4, 11), widest));
  }
  for (std::size_t from = 0; from < panel.series.size();) {
    std::size_t to = from;
    int used = context_columns;
    while (to < panel.series.size() && (to == from || used + widths[to] <= style.width)) {
      used += widths[to++];
    }
    if (from > 0) page.blank();
    const auto row = [&](std::string line, const auto& text_of) {
      for (std::size_t i = from; i < to; ++i) line += text_of(i);
      line.erase(line.find_last_not_of(' ') + 1);
      page.raw(line);
    };
    row(right("context", context_columns),
        [&](std::size_t i) { return right(labels[i] + "  ", widths[i]); });
    for (std::size_t at = 0; at < contexts.size(); ++at) {
      row(right(fmt::format("{}", contexts[at]), context_columns),
          [&](std::size_t i) { return text_cell(panel, i, at, widths[i], style); });
    }
    row(right("largest", context_columns),
        [&](std::size_t i) { return right(largest_of(*panel.series[i]) + "  ", widths[i]); });
    from = to;
  }
}

std::string legend() {
  return "Sizes are GiB of what counts against the limit. ~ fits, but tight; ! crawls; x does not "
         "fit; < the largest listed context that fits. The row `largest` is exact.";
}

const SweepSeries* first_known(const SweepPanel& panel) {
  const auto known = std::ranges::find_if(
      panel.series, [](const SweepSeries* series) { return series->ram_available > Bytes{}; });
  return known == panel.series.end() ? nullptr : *known;
}

}  // namespace

std::string to_text(const Sweep& sweep, const TextStyle& style) {
  Page page(style);
  page.paragraph("", 0, title_of(sweep), bold);
  const Chart chart = chart_of(sweep);
  const auto panels = panels_of(sweep, most_series);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const SweepPanel& panel = panels[i];
    page.blank();
    page.paragraph("", 0, panel.title, bold);
    if (const auto* known = first_known(panel)) page.paragraph("", 0, limits_of(*known), dim);
    page.blank();
    if (!sweep.contexts.empty()) swept_table(page, panel, sweep.contexts, style);
    if (const auto notes = chart.panels[i].notes; !notes.empty()) {
      page.blank();
      for (const auto& note : notes) page.paragraph("  ", 2, note);
    }
    if (!style.bar) continue;
    if (const auto lines = drawn(chart.panels[i], style); !lines.empty()) {
      page.blank();
      for (const auto& line : lines) page.raw(line);
    }
  }
  page.blank();
  page.paragraph("", 0, legend(), dim);
  return std::move(page).str();
}

std::string to_markdown(const Sweep& sweep) {
  std::string out = fmt::format("### {}\n", escaped(title_of(sweep)));
  for (const SweepPanel& panel : panels_of(sweep, most_series)) {
    out += fmt::format("\n#### {}\n\n", escaped(panel.title));
    if (const auto* known = first_known(panel)) out += escaped(limits_of(*known)) + ".\n\n";
    out += fmt::format("| {} in GiB at |", memory_name(panel));
    for (const auto& label : panel.labels) out += fmt::format(" {} |", escaped(label));
    out += "\n|---:|";
    for (std::size_t i = 0; i < panel.labels.size(); ++i) out += "---:|";
    for (std::size_t at = 0; at < sweep.contexts.size(); ++at) {
      out += fmt::format("\n| {} |", sweep.contexts[at]);
      for (const SweepSeries* series : panel.series) {
        const SweepPoint& point = series->points[at];
        if (!point.plan) {
          out += " – |";
          continue;
        }
        const auto verdict = point.plan->verdict;
        const auto size = in_gib(counted(*point.plan, panel));
        const bool frontier = largest_fitting(*series) == &point;
        out += fmt::format(
            " {0}{1}{0}{2} |", frontier ? "**" : "", size,
            verdict == Verdict::comfortable ? "" : fmt::format(" ({})", to_string(verdict)));
      }
    }
    out += "\n| largest context that fits |";
    for (const SweepSeries* series : panel.series) out += fmt::format(" {} |", largest_of(*series));
    out += "\n";
    auto notes = refusals_of(panel);
    if (auto other = other_limit(panel); !other.empty()) notes.push_back(std::move(other));
    for (const auto& note : notes) {
      out += fmt::format("{}- {}\n", &note == notes.data() ? "\n" : "", escaped(note));
    }
  }
  return out + "\nBold: the largest listed context that fits.\n";
}

}  // namespace membudget
