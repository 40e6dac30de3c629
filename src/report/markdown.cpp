// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "membudget/report.hpp"
#include "report/bar.hpp"
#include "report/layout.hpp"
#include "report/markdown_text.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using namespace report;

std::string row(const Part& part, Binding binding, bool unicode) {
  const bool in_bar = binding == Binding::ram || part.where == Place::gpu;
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", in_bar ? mark(part.name, unicode) : "",
                     title(part.name), title(part.where), to_text(part.bytes),
                     to_string(part.basis), escaped(part.note));
}

std::string explanation(const PlanReport& report) {
  const auto& budget = report.plan.budget;
  std::string out = "\n#### How each part comes about\n\n";
  for (const auto& entry : formulas(report.plan)) {
    out += fmt::format("- **{}**: {}\n", escaped(entry.label), escaped(entry.text));
  }
  out += "\n#### How the limits come about\n\n";
  if (budget.metal) {
    out += fmt::format("- GPU limit: {}{}\n", escaped(budget.gpu_limit_rule),
                       budget.gpu_limit_source.empty()
                           ? ""
                           : fmt::format(" (source: {})", escaped(budget.gpu_limit_source)));
  }
  out +=
      fmt::format("- RAM available: {} - {} = {}{}\n", to_text(budget.ram), to_text(budget.reserve),
                  to_text(budget.ram_available),
                  report.machine.chip.reserve_source.empty()
                      ? ""
                      : fmt::format(" (source: {})", escaped(report.machine.chip.reserve_source)));
  out += fmt::format("- Comfortable from {} of headroom: {}\n", to_text(budget.safety_margin),
                     escaped(budget.safety_margin_rule));
  if (const auto rows = speed_formulas(report); !rows.empty()) {
    out += "\n#### How the speed comes about\n\n";
    for (const auto& entry : rows) {
      out += fmt::format("- **{}**: {}\n", escaped(entry.label), escaped(entry.text));
    }
  }
  if (const auto rows = folklore(report); !rows.empty()) {
    out += "\n#### What you may have read, and what is true\n\n";
    for (const auto& entry : rows) {
      out += fmt::format("- **{}**: {}\n", escaped(entry.label), escaped(entry.text));
    }
  }
  const auto alive = peak(report.plan.footprint);
  if (alive.empty()) return out;
  const auto& footprint = report.plan.footprint;
  out += fmt::format("\n#### What sets the compute buffer: {}\n\n",
                     escaped(footprint.gpu_peak.operation));
  if (footprint.graph_nodes > 0) {
    out += fmt::format("Alive at that operation, in a graph of {} nodes and {} {}:\n\n",
                       footprint.graph_nodes, footprint.graph_splits,
                       footprint.graph_splits == 1 ? "split" : "splits");
  }
  out += "| size | tensor |\n|---:|---|\n";
  for (const auto& entry : alive) {
    out += fmt::format("| {} | {} |\n", entry.label, escaped(entry.text));
  }
  return out;
}

}  // namespace

std::string to_markdown(const PlanReport& report, bool explain, bool ascii) {
  const auto& plan = report.plan;
  const auto& footprint = plan.footprint;
  std::string out = fmt::format("### {}\n\n", escaped(headline(report)));
  out += fmt::format("**{}**: {}.\n\n", words(plan.verdict), escaped(verdict_detail(plan)));
  if (report.recommendation) out += escaped(recommended(report)) + "\n\n";
  out += escaped(settings_line(report)) + "\n\n```text\n";
  for (const auto& line : bar(plan, TextStyle{.unicode = !ascii})) out += line + "\n";
  out += "```\n\n|  | part | place | size | basis | note |\n|---|---|---|---:|---|---|\n";
  for (const auto& part : footprint.parts) out += row(part, plan.binding, !ascii);
  out += fmt::format("|  | sum | GPU | {} |  |  |\n", to_text(footprint.total(Place::gpu)));
  out += fmt::format("|  | **total** |  | **{}** |  |  |\n\n", to_text(footprint.total()));
  for (const auto& limit : limits(report)) {
    if (limit.label == "buffer" && !limit.binds && !explain) continue;
    out += fmt::format("- {} limit {}{}\n", limit.label, escaped(limit.text),
                       limit.binds ? " **(binds)**" : "");
  }
  if (!report.model.not_understood.empty()) {
    out += fmt::format("- Not understood: {}\n", escaped(report.model.not_understood));
  }
  for (const auto* notes : {&report.model.notes, &report.machine.notes}) {
    for (const auto& note : *notes) out += fmt::format("- Note: {}\n", escaped(note));
  }
  for (const auto& row : holders(plan.budget)) {
    out += fmt::format("- Holds {} now: {}\n", row.label, escaped(row.text));
  }
  out += "\n| cache | largest context that fits |\n|---|---|\n";
  for (const auto& context : contexts(report)) {
    out += fmt::format("| {} | {} |\n", escaped(context.label), context.text);
  }
  if (const auto rows = speeds(report); !rows.empty()) {
    out += "\n| speed |  |\n|---|---|\n";
    for (const auto& speed : rows) {
      out += fmt::format("| {} | {} |\n", escaped(speed.label), escaped(speed.text));
    }
  }
  if (const auto note = rope_note(report); !note.empty()) {
    out += fmt::format("\n{}\n", escaped(note));
  }
  if (report.recommendation) {
    out += "\n#### Why these settings\n\n";
    for (const auto& rule : report.recommendation->rules) {
      out += fmt::format("- {}{}\n", escaped(rule.says),
                         explain ? fmt::format(" (source: {})", escaped(rule.source)) : "");
    }
    if (explain) {
      out += "\n| looked at | |\n|---|---|\n";
      for (const auto& row : considered(*report.recommendation)) {
        out += fmt::format("| {} | {} |\n", escaped(row.label), escaped(row.text));
      }
    }
  }
  if (const auto rows = explain && !report.changes.empty() ? whole_ladder(report) : advice(report);
      !rows.empty()) {
    out += fmt::format("\n#### {}\n\n", escaped(advice_title(report)));
    for (const auto& row : rows) {
      out += fmt::format("1. {}{}{}\n", escaped(row.label), row.text.empty() ? "" : "  \n   ",
                         escaped(row.text));
    }
  }
  if (!plan.reasons.empty()) out += "\n";
  for (const auto& reason : plan.reasons) out += fmt::format("- {}\n", escaped(reason));
  return explain ? out + explanation(report) : out;
}

}  // namespace membudget
