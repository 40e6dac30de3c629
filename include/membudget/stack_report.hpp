// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/report.hpp"
#include "membudget/stack.hpp"
#include "membudget/stack_schedule.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A claim with what the plan says of the same members.
struct ClaimReport {
  StackProfile::Claim claim;
  Bytes ours;
};

/// Everything that a report on a stack shows; the caller computes, the report only prints.
struct StackReport {
  Stack stack;
  StackPlan plan;
  StackLadder ladder;
  std::optional<Schedule> schedule;
  std::vector<ClaimReport> claims;
  std::vector<std::string> notes;  ///< Of the stack's author.
  /// How many processes of the last member fit, and how many slots; when asked for.
  std::optional<std::int64_t> max_count;
  std::optional<std::int64_t> max_parallel;
  /// Metal's limit in MiB with which all would fit; nothing where none helps or none is needed.
  std::optional<std::int64_t> wired_limit_mib;
};

/// For people, as `stack` prints it; with a final newline.
[[nodiscard]] std::string to_text(const StackReport& report, const TextStyle& style);
/// One JSON object by profiles/schema/stack-plan.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const StackReport& report);
/// The same as tables of markdown.
[[nodiscard]] std::string to_markdown(const StackReport& report);

}  // namespace membudget
#pragma GCC visibility pop
