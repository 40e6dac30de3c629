// SPDX-License-Identifier: MIT
#include "membudget/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "membudget/chart.hpp"
#include "membudget/sweep_report.hpp"
#include "report/bar_svg.hpp"
#include "report/html_tables.hpp"
#include "report/markup_text.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using namespace report;

std::string sized(Bytes size) {
  return fmt::format("<span data-bytes=\"{}\">{}</span>", size.count(), to_text(size));
}

void add_parts(HtmlPage& page, const Plan& plan) {
  page.drawing(svg_bar(plan, wide_style("bar")), svg_bar(plan, narrow_style("bar")));
  std::vector<std::vector<std::string>> rows;
  for (const Part& part : plan.footprint.parts) {
    auto how = marked_up(part.formula.empty() ? part.note : part.formula);
    if (!part.formula.empty() && !part.note.empty()) {
      how = fmt::format("{}<br><span class=\"muted\">{}</span>", marked_up(part.note), how);
    }
    rows.push_back({std::string(title(part.name)), std::string(title(part.where)),
                    sized(part.bytes), fmt::format("{}", part.bytes.count()),
                    std::string(to_string(part.basis)), std::move(how)});
  }
  const auto sum = [&](std::string_view name, Bytes size) {
    rows.push_back({std::string(name), "", sized(size), fmt::format("{}", size.count()), "", ""});
  };
  sum("sum on the GPU", plan.footprint.total(Place::gpu));
  sum("total", plan.footprint.total());
  page.table("What takes how much",
             {"part", "place", "size", "bytes", "basis", "how it comes about"}, rows, 2, 4);
  page.paragraph(
      "Basis: file = read from the model's file; formula = the engine's own rule, exact where the "
      "engine is; measured = taken from a measurement of the same thing; assumed = an upper bound "
      "or "
      "a guess, which never makes a plan comfortable.",
      "muted");
}

void add_contexts(HtmlPage& page, const PlanReport& report, const Sweep& contexts) {
  page.section("Memory and context");
  Chart chart = chart_of(contexts);
  for (std::size_t i = 0; i < chart.panels.size(); ++i) {
    if (chart.panels[i].curves.empty()) continue;
    Chart one{.title = chart.title, .panels = {chart.panels[i]}};
    one.panels.front().title.clear();  // The page's own head says it.
    const auto id = fmt::format("chart-{}", i + 1);
    page.drawing(to_svg(one, wide_style(id)), to_svg(one, narrow_style(id)));
  }
  for (const SweepPanel& panel : panels_of(contexts, most_series))
    add_sweep_table(page, contexts, panel);
  std::vector<std::vector<std::string>> rows;
  for (const Entry& entry : report::contexts(report)) {
    rows.push_back({marked_up(entry.label), marked_up(entry.text)});
  }
  page.table("Largest context that fits, by cache type", {"cache", "tokens"}, rows, 1, 1);
  if (const auto note = rope_note(report); !note.empty()) page.paragraph(note);
}

void add_entries(HtmlPage& page, std::string_view caption, std::string_view first,
                 std::string_view second, const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  std::vector<std::vector<std::string>> rows;
  rows.reserve(entries.size());
  for (const Entry& entry : entries)
    rows.push_back({marked_up(entry.label), marked_up(entry.text)});
  page.table(caption, {std::string(first), std::string(second)}, rows, 2, 2);
}

void add_ladder(HtmlPage& page, const PlanReport& report) {
  const auto& steps = report.changes.empty() ? report.affordable : report.changes;
  if (steps.empty()) return;
  const auto title = advice_title(report);
  page.section(title.empty() ? "What could be changed" : title);
  page.paragraph("Each step counts from the plan above; the least regret stands first.", "muted");
  std::string list = "<ol>\n";
  for (const StepReport& row : steps) {
    list += fmt::format("<li><strong>{}</strong>: {}", marked_up(words(row.step.changes)),
                        marked_up(effect(row, report.plan)));
    if (const auto cost = costs(row, true); !cost.empty()) {
      list += fmt::format("<br><span class=\"muted\">{}</span>", marked_up(cost));
    }
    list += "</li>\n";
  }
  page.markup(list + "</ol>\n");
}

void add_settings(HtmlPage& page, const PlanReport& report) {
  if (report.commands.llama_server.empty() && report.commands.mlx.empty()) return;
  page.section("Settings to copy");
  if (!fits(report.plan.verdict)) {
    page.paragraph("With these settings it does not fit; take a step from the list above first.");
  }
  for (const SettingsFormat format : settings_formats) {
    if (const auto text = text_of(report.commands, format); !text.empty()) {
      page.commands(title(format), text);
    }
  }
}

void add_source(std::vector<Entry>& out, std::string_view label, std::string_view text) {
  if (!text.empty()) out.push_back({std::string(label), std::string(text), false});
}

void add_sources(HtmlPage& page, const PlanReport& report) {
  const Budget& budget = report.plan.budget;
  std::vector<Entry> out;
  if (budget.metal) {
    add_source(out, "GPU limit",
               fmt::format("{}: {}", to_text(budget.gpu_limit), budget.gpu_limit_rule));
    add_source(out, "", budget.gpu_limit_source);
  }
  for (const ReservePart& part : budget.reserve_parts) {
    add_source(out, fmt::format("kept free for {}", part.name),
               fmt::format("{}: {}", to_text(part.bytes), part.source));
  }
  add_source(
      out, "safety margin",
      fmt::format("{}: {}{}{}", to_text(budget.safety_margin), budget.safety_margin_rule,
                  budget.safety_margin_source.empty() ? "" : "; ", budget.safety_margin_source));
  if (budget.largest_buffer > Bytes{}) {
    add_source(out, "largest buffer",
               fmt::format("{}: {}{}{}", to_text(budget.largest_buffer), budget.largest_buffer_rule,
                           budget.largest_buffer_source.empty() ? "" : "; ",
                           budget.largest_buffer_source));
  }
  for (const auto& source : report.machine.chip.sources) add_source(out, "chip", source);
  for (const auto& note : report.machine.notes) add_source(out, "machine", note);
  for (const auto& note : report.model.notes) add_source(out, "model", note);
  add_source(out, "not understood", report.model.not_understood);
  for (const auto& note : report.runtime.notes) add_source(out, "runtime", note);
  for (const Entry& entry : speed_formulas(report)) out.push_back(entry);
  std::vector<std::string> seen;
  for (const auto* steps : {&report.changes, &report.affordable}) {
    for (const StepReport& row : *steps) {
      for (const auto& source : row.step.sources) {
        if (std::ranges::find(seen, source) != seen.end()) continue;
        seen.push_back(source);
        add_source(out, "advice", source);
      }
    }
  }
  page.section("On what the numbers rest");
  add_entries(page, "Rules and sources", "figure", "from", out);
}

}  // namespace

std::string to_html(const PlanReport& report, const Sweep& contexts) {
  HtmlPage page;
  const auto head = headline(report);
  page.markup(fmt::format("<h1>{}</h1>\n", marked_up(head)));
  page.paragraph(settings_line(report), "muted");
  const Plan& plan = report.plan;
  page.markup(
      fmt::format("<p class=\"verdict{}\" data-verdict=\"{}\"><strong>{}</strong>: {}.</p>\n",
                  fits(plan.verdict) ? "" : " bad", to_string(plan.verdict), words(plan.verdict),
                  marked_up(verdict_detail(plan))));
  add_parts(page, plan);
  std::vector<Entry> limit_rows = limits(report);
  for (Entry& entry : limit_rows) {
    entry.label += " limit";
    if (entry.binds) entry.text += " (binds)";
  }
  add_entries(page, "Limits", "limit", "rule", limit_rows);
  add_contexts(page, report, contexts);
  if (const auto rows = speeds(report); !rows.empty()) {
    page.section("Speed");
    add_entries(page, "How fast it answers", "what", "rate", rows);
  }
  add_ladder(page, report);
  add_settings(page, report);
  if (!plan.reasons.empty()) {
    page.section("Why");
    std::string list = "<ul>\n";
    for (const auto& reason : plan.reasons) list += fmt::format("<li>{}</li>\n", marked_up(reason));
    page.markup(list + "</ul>\n");
  }
  add_sources(page, report);
  page.json("plan", to_json(report));
  page.json("sweep", to_json(contexts));
  return std::move(page).str(head);
}

}  // namespace membudget
