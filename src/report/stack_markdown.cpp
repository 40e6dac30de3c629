// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "membudget/stack_report.hpp"
#include "report/markdown_text.hpp"
#include "report/stack_summary.hpp"

namespace membudget {
namespace {

using namespace report;

std::string listed(std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) {
    return {};
  }
  std::string out = fmt::format("\n#### {}\n\n", title);
  for (const Entry& entry : entries) {
    out += fmt::format("- **{}**: {}\n", escaped(entry.label), escaped(entry.text));
  }
  return out;
}

}  // namespace

std::string to_markdown(const StackReport& report) {
  const Plan& peak = report.plan.peak;
  std::string out = fmt::format("### {}\n\n", escaped(headline(report)));
  out += fmt::format("**{}**: {}.\n\n", words(peak.verdict), escaped(verdict_detail(peak)));
  for (const std::string& answer : answers(report)) {
    out += escaped(answer) + "\n\n";
  }
  out +=
      "| member | n | GPU | all | tokens/s alone | shared | load | |\n"
      "|---|---:|---:|---:|---:|---:|---:|---|\n";
  for (std::size_t i = 0; i < report.stack.members.size(); ++i) {
    const StackMember& member = report.stack.members[i];
    const MemberPlan& plan = report.plan.members[i];
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", escaped(member.name),
                       member.count, to_text(plan.gpu), to_text(plan.total), alone_rate(plan),
                       shared_rate(plan), load_time(plan), escaped(member_line(member, plan)));
  }
  for (const SumRow& row : sums(report)) {
    out += fmt::format("| **{}** | | {} | {} | | | | |\n", row.label, to_text(row.gpu),
                       to_text(row.total));
  }
  if (const auto note = speed_note(report); !note.empty()) {
    out += fmt::format("\n{}\n", escaped(note));
  }
  if (report.schedule) {
    out += listed("The requests, simulated", schedule_figures(report));
  }
  out += listed("What to shrink", steps_together(report));
  out += listed("Single changes", steps_alone(report, steps_shown));
  out += listed("Loaded on demand instead of resident", swaps(report));
  out += listed("What the documents say", claims(report));
  out += "\n#### Why\n\n";
  std::vector<std::string> reasons = peak.reasons;
  reasons.insert(reasons.end(), report.plan.notes.begin(), report.plan.notes.end());
  reasons.insert(reasons.end(), report.notes.begin(), report.notes.end());
  for (const std::string& reason : reasons) {
    out += fmt::format("- {}\n", escaped(reason));
  }
  return out;
}

}  // namespace membudget
