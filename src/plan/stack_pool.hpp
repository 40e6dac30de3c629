// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "membudget/stack.hpp"

namespace membudget {

/// Processes of one member with what each takes.
struct Holding {
  const StackMember* member = nullptr;
  const Footprint* one = nullptr;
  std::int64_t count = 0;
};

/// What several members take together.
struct PooledFootprint {
  Footprint sum;
  Bytes counted_once;  ///< Left out because another member of the same program has it already.
};

/// What one process of a member takes, with what its runtime chooses on an otherwise empty machine
/// (Ollama's batch shrinks when there is less room). Throws Error that names the member.
[[nodiscard]] Footprint footprint_of(const StackMember& member, const Budget& budget);

[[nodiscard]] PooledFootprint pooled(const std::vector<Holding>& holdings);

/// What has to fit at once by the servers' own rules, judged; see StackPlan::peak.
struct PeakOfPool {
  Plan plan;
  Bytes counted_once;
  std::vector<bool> held;  ///< Which of the holdings it counts.
};
[[nodiscard]] PeakOfPool peak_of(const std::vector<Holding>& holdings, const Budget& budget);

/// What the machine of a stack grants.
[[nodiscard]] Budget budget_of(const Stack& stack);

/// Throws Error{bad_request} for two processes of a model that its server holds once.
void refuse_second_processes(const Stack& stack);

}  // namespace membudget
