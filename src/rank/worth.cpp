// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "membudget/rank.hpp"

namespace membudget {
namespace {

bool has(const std::vector<std::string>& traits, std::string_view trait) {
  return std::find(traits.begin(), traits.end(), trait) != traits.end();
}

Month oldest(const CapabilityRules& rules) {
  Month out = rules.reference;
  for (const FamilyCapability& each : rules.families) {
    out = std::min(out, each.released);
  }
  return out;
}

}  // namespace

Worth worth_of(const CatalogEntry& entry, std::string_view task, const CapabilityRules& rules) {
  const FamilyCapability* family = rules.family(entry.family);
  const FamilyCapability* model = rules.model(entry.id);
  Worth out;
  Month released = family != nullptr ? family->released : oldest(rules);
  std::int64_t behind = 0;
  std::vector<std::string> traits{entry.modality};
  for (const FamilyCapability* each : {family, model}) {
    if (each == nullptr) {
      continue;
    }
    released = each->released > 0 ? each->released : released;
    behind += each->behind;
    traits.insert(traits.end(), each->traits.begin(), each->traits.end());
    out.reasons.push_back(fmt::format("{}: {}", each->name, each->reason));
  }
  if (family == nullptr) {
    out.reasons.push_back(
        fmt::format("family '{}' is not described; counted as the oldest", entry.family));
  }
  for (const TraitWorth& each : rules.traits) {
    if (has(traits, each.trait) && (each.task.empty() || each.task == task)) {
      out.training *= each.worth;
      out.traits.push_back(each.trait);
      out.reasons.push_back(fmt::format("{}: {}", each.trait, each.reason));
    }
  }
  if (const TaskRules* wanted = rules.task(task);
      wanted != nullptr && !wanted->requires_any.empty() &&
      std::none_of(wanted->requires_any.begin(), wanted->requires_any.end(),
                   [&](const std::string& each) { return has(traits, each); })) {
    out.training = 0;
  }
  const auto total = static_cast<double>(entry.parameters);
  const auto active = static_cast<double>(entry.active_parameters);
  out.size = std::pow(total, rules.total_share) * std::pow(active, 1 - rules.total_share);
  out.age =
      std::exp2(static_cast<double>(released - behind - rules.reference) / rules.halving_months);
  out.parameters = out.size * out.age * out.training;
  return out;
}

}  // namespace membudget
