// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "membudget/budget.hpp"
#include "membudget/error.hpp"
#include "membudget/verify.hpp"

namespace membudget {
namespace {

/// A rule of a chip that gives the limit; nullptr when none does.
const WorkingSet* rule_for(const Chip& chip, const PrintedSize& limit, std::int64_t macos) {
  // The newest macOS first: logs are seldom of an old one.
  for (auto rule = chip.working_sets.rbegin(); rule != chip.working_sets.rend(); ++rule) {
    const bool covered = macos == 0 || (macos >= rule->macos_from &&
                                        (rule->macos_to == 0 || macos <= rule->macos_to));
    if (covered && limit.holds(rule->limit)) return &*rule;
  }
  return nullptr;
}

std::string no_rule(const PrintedSize& limit, const std::string& whose) {
  return fmt::format(
      "no working-set rule of {} gives {}: iogpu.wired_limit_mb was set, or its "
      "macOS has another rule",
      whose, limit.text);
}

void take_rule(MatchedMachine& out, const WorkingSet& rule) {
  out.macos = rule.macos_to == 0 ? rule.macos_from : rule.macos_to;
  out.rule = rule.rule;
}

}  // namespace

std::optional<MatchedMachine> match_machine(const EngineLoad& load, const Profiles& profiles,
                                            const Chip* expected, std::int64_t macos) {
  const LoggedMachine& logged = load.machine;
  MatchedMachine out;
  out.working_set = logged.working_set;
  if (expected != nullptr) {
    out.chip = expected->id;
    if (!logged.working_set) return out;
    if (const WorkingSet* rule = rule_for(*expected, *logged.working_set, macos)) {
      take_rule(out, *rule);
    } else {
      out.problem = no_rule(*logged.working_set, expected->id);
    }
    return out;
  }
  if (!logged.gpu.starts_with("Apple ")) return std::nullopt;
  std::vector<Chip> named;
  for (const std::string& id : profiles.chip_ids()) {
    Chip chip = profiles.chip(id);
    if (chip.name == logged.gpu) named.push_back(std::move(chip));
  }
  if (named.empty()) {
    out.problem = "no profile has a chip of that name";
    return out;
  }
  if (!logged.working_set) return out;
  // The short id is the bin with most GPU cores; a log does not tell bins apart.
  std::ranges::stable_sort(named, {}, [](const Chip& chip) { return chip.id.size(); });
  for (const Chip& chip : named) {
    const WorkingSet* rule = rule_for(chip, *logged.working_set, macos);
    if (rule == nullptr) continue;
    if (out.chip.empty()) {
      out.chip = chip.id;
      take_rule(out, *rule);
    } else {
      out.alike.push_back(chip.id);
    }
  }
  if (out.chip.empty()) out.problem = no_rule(*logged.working_set, logged.gpu);
  return out;
}

}  // namespace membudget
