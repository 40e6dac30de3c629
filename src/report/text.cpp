// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/report.hpp"
#include "report/bar.hpp"
#include "report/layout.hpp"
#include "report/page.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using namespace report;

constexpr int note_column = 51;
constexpr int label_column = 18;

std::string cache_label(const Entry& context) {
  return "  " + context.label + " cache";
}

void parts(Page& page, const Plan& plan, const TextStyle& style) {
  page.raw(painted(fmt::format("    {:<17}{:<6}{:>12}  {}", "part", "place", "size", "basis"), dim,
                   style));
  for (const auto& part : plan.footprint.parts) {
    const auto row = fmt::format("{:<17}{:<6}{:>12}  {}", title(part.name), title(part.where),
                                 to_text(part.bytes), to_string(part.basis));
    const bool in_bar = plan.binding == Binding::ram || part.where == Place::gpu;
    const auto sign = in_bar && style.bar
                          ? painted(mark(part.name, style.unicode), colour(part.name), style)
                          : std::string(" ");
    const auto notes = wrapped(printable(part.note, style.unicode), style.width - note_column);
    page.raw("  " + sign + " " +
             (notes.front().empty() ? row : left(row, note_column - 4) + notes.front()));
    for (std::size_t i = 1; i < notes.size(); ++i) page.raw(left("", note_column) + notes[i]);
  }
  const auto& footprint = plan.footprint;
  page.raw(
      fmt::format("    {:<17}{:<6}{:>12}", "sum", "GPU", to_text(footprint.total(Place::gpu))));
  page.raw(painted(fmt::format("    {:<17}{:<6}{:>12}", "total", "", to_text(footprint.total())),
                   bold, style));
}

void largest_contexts(Page& page, const PlanReport& report) {
  page.title("Largest context that fits");
  const auto rows = contexts(report);
  // Types that differ between K and V take more than the usual column.
  int column = label_column;
  for (const auto& row : rows) column = std::max(column, columns(cache_label(row)) + 2);
  for (const auto& row : rows) page.paragraph(cache_label(row), column, row.text);
}

void explain(Page& page, const PlanReport& report, const TextStyle& style) {
  const auto& footprint = report.plan.footprint;
  const auto& budget = report.plan.budget;
  const auto section = [&](std::string_view title, const std::vector<Entry>& rows) {
    if (rows.empty()) return;
    page.blank();
    page.title(std::string(title));
    for (const auto& entry : rows) {
      page.paragraph("", 2, entry.label);
      page.paragraph("", 6, entry.text, dim);
    }
  };
  section("How each part comes about", formulas(report.plan));
  page.blank();
  page.title("How the limits come about");
  if (budget.metal) page.paragraph("", 2, fmt::format("GPU limit: {}", budget.gpu_limit_rule));
  if (!budget.gpu_limit_source.empty()) {
    page.paragraph("", 6, "source: " + budget.gpu_limit_source, dim);
  }
  page.paragraph("", 2,
                 fmt::format("RAM available: {} - {} = {}", to_text(budget.ram),
                             to_text(budget.reserve), to_text(budget.ram_available)));
  for (const auto& part : budget.reserve_parts) {
    page.paragraph(
        "", 6, fmt::format("{} for {}, source: {}", to_text(part.bytes), part.name, part.source),
        dim);
  }
  if (budget.largest_buffer > Bytes{}) {
    page.paragraph("", 2,
                   fmt::format("Largest buffer: {} = {}", budget.largest_buffer_rule,
                               to_text(budget.largest_buffer)));
    page.paragraph("", 6, "source: " + budget.largest_buffer_source, dim);
  }
  page.paragraph("", 2,
                 fmt::format("Comfortable from {} of headroom: {}", to_text(budget.safety_margin),
                             budget.safety_margin_rule));
  if (!budget.safety_margin_source.empty()) {
    page.paragraph("", 6, "source: " + budget.safety_margin_source, dim);
  }

  section("How the speed comes about", speed_formulas(report));
  section("What you may have read, and what is true", folklore(report));

  const auto alive = peak(footprint);
  if (alive.empty()) return;
  page.blank();
  page.title(fmt::format("What sets the compute buffer: {}",
                         printable(footprint.gpu_peak.operation, style.unicode)));
  if (footprint.graph_nodes > 0) {
    page.paragraph("", 2,
                   fmt::format("Alive at that operation, in a graph of {} nodes and {} split{}:",
                               footprint.graph_nodes, footprint.graph_splits,
                               footprint.graph_splits == 1 ? "" : "s"));
  }
  for (const auto& entry : alive) {
    page.paragraph(right(entry.label, 14) + "  ", 16, entry.text, entry.binds ? bold : "");
  }
}

void advice(Page& page, const PlanReport& report, const TextStyle& style) {
  const auto rows = report::advice(report);
  if (rows.empty()) return;
  page.blank();
  page.title(advice_title(report));
  int number = 0;
  for (const auto& row : rows) {
    page.paragraph(fmt::format("  {} ", ++number), 4, row.label);
    if (!row.text.empty()) page.paragraph("", 6, row.text, dim);
  }
  if (!style.explain || report.changes.empty()) return;
  page.blank();
  page.title("Every step of the ladder, least regret first");
  for (const auto& row : whole_ladder(report)) {
    page.paragraph("", 2, row.label);
    page.paragraph("", 6, row.text, dim);
  }
}

void held_now(Page& page, const Budget& budget) {
  if (budget.programs.empty()) return;
  page.blank();
  page.title("Who holds most now");
  for (const auto& row : holders(budget)) page.paragraph("  " + row.label, label_column, row.text);
}

void recommendation(Page& page, const PlanReport& report, const TextStyle& style) {
  const auto& out = *report.recommendation;
  page.blank();
  page.title("Why these settings");
  for (const auto& rule : out.rules) {
    page.paragraph(style.unicode ? "  • " : "  - ", 4, rule.says);
    if (style.explain) page.paragraph("", 6, "source: " + rule.source, dim);
  }
  if (!style.explain) return;
  page.blank();
  page.title("What was looked at, best first");
  for (const auto& row : considered(out)) {
    page.paragraph("", 2, fmt::format("{}: {}", row.label, row.text), row.binds ? bold : "");
  }
}

/// "for Ollama, LM Studio and MLX: membudget settings --for ...": who else can be told a plan for
/// `engine` that was told to `own`.
std::string other_settings(Engine engine, SettingsFormat own) {
  using enum SettingsFormat;
  std::vector<SettingsFormat> others{lmstudio, mlx};
  if (engine == Engine::llama_cpp) {
    // Whoever sets Ollama's server may want to set one model only.
    others = {own == ollama ? modelfile : ollama, llama_server, lmstudio, mlx};
  }
  std::erase(others, own);
  std::string out = "for ";
  for (std::size_t i = 0; i < others.size(); ++i) {
    out += i == 0 ? "" : i + 1 == others.size() ? " and " : ", ";
    out += title(others[i]);
  }
  return out + ": membudget settings --for " +
         (others.size() == 1 ? std::string(to_string(others.front())) : "...");
}

/// How to run what fits; a command is never broken, so that it can be pasted.
void commands(Page& page, const PlanReport& report) {
  if (!report.runtime.settings_for || !fits(report.plan.verdict)) return;
  const SettingsFormat own = *report.runtime.settings_for;
  std::string text = text_of(report.commands, own);
  if (text.empty()) return;
  if (own == SettingsFormat::ollama) {
    for (const std::string& line : report.commands.ollama_run) text += line + "\n";
  }
  page.blank();
  page.title("Run it");
  // A here-document ends at the start of a line.
  const std::string_view indent = text.find("<<") == std::string::npos ? "  " : "";
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    page.raw(fmt::format("{}{}", indent, line));
    rest.remove_prefix(line.size() + 1);
  }
  page.paragraph("", 2, other_settings(report.runtime.engine, own));
}

}  // namespace

std::string to_text(const PlanReport& report, const TextStyle& style) {
  Page page(style);
  page.paragraph("", 0, headline(report), bold);
  page.paragraph("", 0, settings_line(report), dim);
  page.blank();
  if (report.recommendation) {
    page.paragraph("", 0, recommended(report), bold);
    page.blank();
  }
  page.verdict(report.plan);
  page.blank();
  if (style.bar) {
    for (const auto& line : bar(report.plan, style)) page.raw(line);
    page.blank();
  }
  parts(page, report.plan, style);
  page.blank();
  for (const auto& limit : limits(report)) {
    if (limit.label == "buffer" && !limit.binds && !style.explain) continue;
    page.paragraph(limit.label + " limit", label_column,
                   limit.text + (limit.binds ? " (binds)" : ""));
  }
  if (!report.model.not_understood.empty()) {
    page.paragraph("Not understood", label_column, report.model.not_understood);
  }
  for (const auto* notes : {&report.model.notes, &report.machine.notes}) {
    for (const auto& note : *notes) page.paragraph("Note", label_column, note);
  }
  held_now(page, report.plan.budget);
  page.blank();
  largest_contexts(page, report);
  if (const auto note = rope_note(report); !note.empty()) page.paragraph("", 2, note);
  if (const auto rows = speeds(report); !rows.empty()) {
    page.blank();
    page.title("Speed");
    for (const auto& row : rows) page.paragraph("  " + row.label, label_column, row.text);
  }
  if (report.recommendation) recommendation(page, report, style);
  advice(page, report, style);
  commands(page, report);
  if (!report.plan.reasons.empty()) {
    page.blank();
    page.title("Why");
    for (const auto& reason : report.plan.reasons) {
      page.paragraph(style.unicode ? "  • " : "  - ", 4, reason);
    }
  }
  if (style.explain) explain(page, report, style);
  return std::move(page).str();
}

}  // namespace membudget
