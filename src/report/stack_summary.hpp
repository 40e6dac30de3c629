// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "membudget/stack_report.hpp"
#include "report/summary.hpp"

namespace membudget::report {

/// Of the steps alone; the whole list is in the JSON.
inline constexpr std::size_t steps_shown = 5;

// What text and markdown both say of a stack, in words. Nothing here is escaped for either.

/// "coding: A code model beside ... on Apple M4 Max, 128.00 GiB RAM, macOS 26"
[[nodiscard]] std::string headline(const StackReport& report);
/// "qwen2.5-coder-14b Q4_K_M with ollama b10587: 16384 tokens, f16 cache, 1 slot, on demand"
[[nodiscard]] std::string member_line(const StackMember& member, const MemberPlan& plan);
/// One row per sum: what must fit at once, everything, idle.
struct SumRow {
  std::string label;
  Bytes gpu;
  Bytes total;
};
[[nodiscard]] std::vector<SumRow> sums(const StackReport& report);
/// Tokens per second alone and with all others busy, "-" where none is known or made.
[[nodiscard]] std::string alone_rate(const MemberPlan& plan);
[[nodiscard]] std::string shared_rate(const MemberPlan& plan);
/// "2.4 s" or "-".
[[nodiscard]] std::string load_time(const MemberPlan& plan);
/// What sharing does to speed, in one sentence; empty where nothing generates.
[[nodiscard]] std::string speed_note(const StackReport& report);

/// Steps that together make it fit, each with what it saves.
[[nodiscard]] std::vector<Entry> steps_together(const StackReport& report);
/// The best steps alone, at most `most`.
[[nodiscard]] std::vector<Entry> steps_alone(const StackReport& report, std::size_t most);
/// What one member would save if it were loaded on demand, and what that costs.
[[nodiscard]] std::vector<Entry> swaps(const StackReport& report);

/// What the simulated requests did: label and figures.
[[nodiscard]] std::vector<Entry> schedule_figures(const StackReport& report);
/// Loads and unloads, at most `most`, and how many are left out.
[[nodiscard]] std::vector<Entry> schedule_events(const StackReport& report, std::size_t most);

/// The claim as label, ours and the reason as text.
[[nodiscard]] std::vector<Entry> claims(const StackReport& report);
/// How many processes or slots fit, in sentences.
[[nodiscard]] std::vector<std::string> answers(const StackReport& report);

}  // namespace membudget::report
