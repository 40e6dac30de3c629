// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "membudget/stack_report.hpp"
#include "report/bar.hpp"
#include "report/layout.hpp"
#include "report/page.hpp"
#include "report/stack_summary.hpp"

namespace membudget {
namespace {

using namespace report;

constexpr int name_width = 24;
constexpr std::size_t events_shown = 12;

/// What each member takes of the limit that binds, and what is left of the sum for the parts that
/// a program shares.
std::vector<Segment> segments(const StackPlan& plan, const TextStyle& style) {
  const bool gpu = plan.peak.binding == Binding::gpu;
  Bytes left = gpu ? plan.peak.footprint.total(Place::gpu) : plan.peak.footprint.total();
  std::vector<Segment> out;
  for (std::size_t i = 0; i < plan.members.size(); ++i) {
    const MemberPlan& member = plan.members[i];
    if (!member.at_peak) {
      continue;
    }
    const Bytes own = std::min(gpu ? member.gpu : member.total, left);
    left -= own;
    out.push_back(numbered_segment(i, own, style.unicode));
  }
  return out;
}

std::string table_row(std::string_view name, std::string_view count, std::string_view gpu,
                      std::string_view total, std::string_view alone, std::string_view shared,
                      std::string_view load) {
  std::string out = fmt::format("{:>3} {:>10} {:>10}", count, gpu, total);
  out += fmt::format(" {:>7} {:>7} {:>7}", alone, shared, load);
  out.erase(out.find_last_not_of(' ') + 1);
  return left(name, name_width) + " " + out;
}

void members(Page& page, const StackReport& report, const TextStyle& style) {
  page.raw(painted("    " + table_row("member", "n", "GPU", "all", "t/s", "shared", "load"), dim,
                   style));
  for (std::size_t i = 0; i < report.stack.members.size(); ++i) {
    const StackMember& member = report.stack.members[i];
    const MemberPlan& plan = report.plan.members[i];
    const Segment look = numbered_segment(i, plan.gpu, style.unicode);
    const std::string sign =
        style.bar && plan.at_peak ? painted(look.mark, look.colour, style) : std::string(" ");
    std::string name = printable(member.name, style.unicode);
    if (columns(name) > name_width) {
      page.raw(fmt::format("  {} {}", sign, name));
      name.clear();
    }
    page.raw(fmt::format(
        "  {} {}", name.empty() ? " " : sign,
        table_row(name, fmt::format("{}", member.count), to_text(plan.gpu), to_text(plan.total),
                  alone_rate(plan), shared_rate(plan), load_time(plan))));
    page.paragraph("", 6, member_line(member, plan), dim);
  }
  for (const SumRow& row : sums(report)) {
    page.raw("    " + table_row(row.label, "", to_text(row.gpu), to_text(row.total), "", "", ""));
  }
}

void list(Page& page, const std::vector<Entry>& entries, bool numbered) {
  int number = 0;
  for (const Entry& entry : entries) {
    page.paragraph(numbered ? fmt::format("  {} ", ++number) : "", numbered ? 4 : 2, entry.label);
    page.paragraph("", 6, entry.text, dim);
  }
}

/// What all steps together reach, against what is there without them.
std::string_view title_of_together(const StackReport& report) {
  const Verdict reached = report.ladder.together.back().plan.verdict;
  if (!fits(reached)) return "What helps, but not enough";
  if (!fits(report.plan.peak.verdict)) return "What to shrink so that it fits";
  return reached == Verdict::comfortable ? "What to shrink so that it fits comfortably"
                                         : "What makes more room, but leaves it tight";
}

void advice(Page& page, const StackReport& report, const TextStyle& style) {
  if (const auto together = steps_together(report); !together.empty()) {
    page.blank();
    page.title(title_of_together(report));
    list(page, together, true);
  }
  const std::size_t most = style.explain ? report.ladder.singles.size() : steps_shown;
  if (const auto alone = steps_alone(report, most); !alone.empty()) {
    page.blank();
    page.title("Single changes, those that suffice first, then by bytes per point of regret");
    list(page, alone, false);
  }
  if (const auto rows = swaps(report); !rows.empty()) {
    page.blank();
    page.title("Loaded on demand instead of resident");
    for (const Entry& row : rows) {
      page.paragraph("", 2, fmt::format("{}: {}", row.label, row.text));
    }
  }
  if (report.wired_limit_mib) {
    page.blank();
    page.paragraph("", 0,
                   fmt::format("With Metal's limit raised it fits as it is: "
                               "sudo sysctl iogpu.wired_limit_mb={}",
                               *report.wired_limit_mib));
  }
}

void schedule(Page& page, const StackReport& report, const TextStyle& style) {
  if (!report.schedule) {
    return;
  }
  page.blank();
  page.title("The requests, simulated");
  for (const Entry& row : schedule_figures(report)) {
    page.paragraph("  " + row.label, 18, row.text);
  }
  const std::size_t most = style.explain ? report.schedule->events.size() : events_shown;
  for (const Entry& row : schedule_events(report, most)) {
    page.paragraph(right(row.label, 12) + "  ", 14, row.text, dim);
  }
}

}  // namespace

std::string to_text(const StackReport& report, const TextStyle& style) {
  Page page(style);
  page.paragraph("", 0, headline(report), bold);
  page.blank();
  page.verdict(report.plan.peak);
  page.blank();
  for (const std::string& answer : answers(report)) {
    page.paragraph("", 0, answer, bold);
    page.blank();
  }
  if (style.bar) {
    for (const auto& line : bar(report.plan.peak, segments(report.plan, style), style)) {
      page.raw(line);
    }
    page.blank();
  }
  members(page, report, style);
  page.blank();
  for (const auto& limit : limits(report.plan.peak)) {
    page.paragraph(limit.label + " limit", 18, limit.text + (limit.binds ? " (binds)" : ""));
  }
  if (const auto note = speed_note(report); !note.empty()) {
    page.blank();
    page.paragraph("", 0, note);
  }
  schedule(page, report, style);
  advice(page, report, style);
  if (const auto rows = claims(report); !rows.empty()) {
    page.blank();
    page.title("What the documents say");
    list(page, rows, false);
  }
  page.blank();
  page.title("Why");
  std::vector<std::string> reasons = report.plan.peak.reasons;
  reasons.insert(reasons.end(), report.plan.notes.begin(), report.plan.notes.end());
  reasons.insert(reasons.end(), report.notes.begin(), report.notes.end());
  for (const std::string& reason : reasons) {
    page.paragraph(style.unicode ? "  • " : "  - ", 4, reason);
  }
  return std::move(page).str();
}

}  // namespace membudget
