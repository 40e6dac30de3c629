// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "membudget/distribute.hpp"
#include "membudget/model_names.hpp"
#include "membudget/report.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A distributed plan with what it was made from.
struct DistributedReport {
  Model model;
  Runtime runtime;
  ModelNames names;
  DistributedPlan plan;
};

/// Shell lines that start it: one list per machine, in the order in which they were given. Hosts
/// are placeholders (MAC2, MAC3, ...), for nobody knows their addresses here.
[[nodiscard]] std::vector<std::vector<std::string>> commands_of(const DistributedReport& report);

/// For people, as `plan --distribute` prints it; with a final newline.
[[nodiscard]] std::string to_text(const DistributedReport& report, const TextStyle& style);
/// One JSON object by profiles/schema/distributed-plan.schema.json.
[[nodiscard]] std::string to_json(const DistributedReport& report);

}  // namespace membudget
#pragma GCC visibility pop
