// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "membudget/chart.hpp"
#include "membudget/sweep_report.hpp"
#include "report/html_page.hpp"
#include "report/html_tables.hpp"
#include "report/markup_text.hpp"
#include "report/summary.hpp"
#include "report/sweep_panels.hpp"

namespace membudget {
namespace {

using namespace report;

std::string page_cell(const SweepPanel& panel, const SweepSeries& series, std::size_t at) {
  const SweepPoint& point = series.points[at];
  if (!point.plan) return R"(<span class="muted">–</span>)";
  const Bytes size = counted(*point.plan, panel);
  const auto verdict = point.plan->verdict;
  const bool edge = largest_fitting(series) == &point;
  auto out = fmt::format(R"(<span{} data-tokens="{}" data-bytes="{}">{}</span>)",
                         edge ? " class=\"edge\"" : "", point.asked, size.count(), in_gib(size));
  if (verdict != Verdict::comfortable) {
    out += fmt::format(" <span class=\"{}\">{}</span>", fits(verdict) ? "muted" : "not",
                       verdict == Verdict::tight    ? "tight"
                       : verdict == Verdict::crawls ? "crawls"
                                                    : "does not fit");
  }
  return out;
}

}  // namespace

void report::add_sweep_table(HtmlPage& page, const Sweep& sweep, const SweepPanel& panel) {
  std::vector<std::string> head{"context"};
  head.insert(head.end(), panel.labels.begin(), panel.labels.end());
  std::vector<std::vector<std::string>> rows;
  for (std::size_t at = 0; at < sweep.contexts.size(); ++at) {
    auto& row = rows.emplace_back();
    row.push_back(fmt::format("{}", sweep.contexts[at]));
    for (const SweepSeries* series : panel.series) row.push_back(page_cell(panel, *series, at));
  }
  auto& last = rows.emplace_back();
  last.emplace_back("largest that fits");
  for (const SweepSeries* series : panel.series) {
    last.push_back(!series->refusal.empty()  ? "–"
                   : series->max_context > 0 ? fmt::format("{}", series->max_context)
                                             : "none");
  }
  page.table(fmt::format("{}, GiB, by context in tokens", memory_name(panel)), head, rows, 0,
             head.size());
}

std::string to_html(const Sweep& sweep) {
  HtmlPage page;
  const auto title = title_of(sweep);
  page.markup(fmt::format("<h1>{}</h1>\n", marked_up(title)));
  page.paragraph("How much memory each context takes, and how far the limit is.", "muted");
  const Chart chart = chart_of(sweep);
  const auto panels = panels_of(sweep, most_series);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const SweepPanel& panel = panels[i];
    page.section(panel.title);
    for (const SweepSeries* series : panel.series) {
      if (series->ram_available == Bytes{}) continue;
      page.paragraph(limits_of(*series) + ".", "muted");
      break;
    }
    if (!chart.panels[i].curves.empty()) {
      // The page says what the drawing's own head and notes would.
      Chart one{.title = title, .panels = {chart.panels[i]}};
      one.panels.front().title.clear();
      one.panels.front().notes.clear();
      const auto id = fmt::format("chart-{}", i + 1);
      page.drawing(to_svg(one, wide_style(id)), to_svg(one, narrow_style(id)));
    }
    add_sweep_table(page, sweep, panel);
    for (const auto& note : chart.panels[i].notes) page.paragraph(note);
  }
  page.section("How to read it");
  page.paragraph(
      "Underlined: the largest listed context that fits; the last row is exact. Tight fits, with "
      "less "
      "than the safety margin left; crawls is over Metal's limit but within the RAM, so that only "
      "part of it runs on the GPU. In the drawing filled markers fit and hollow ones do not; a "
      "ring "
      "is the largest context that fits.");
  page.json("sweep", to_json(sweep));
  return std::move(page).str(title);
}

}  // namespace membudget
