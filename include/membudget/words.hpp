// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/report.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What to_text() says, sentence by sentence, for programs that lay it out themselves: one JSON
/// object by profiles/schema/words.schema.json, on one line. Figures are those of to_json(),
/// already in words.
[[nodiscard]] std::string to_words_json(const PlanReport& report);

/// The members of it that follow from the plan alone, without any search: the headline, the
/// settings, the verdict, the parts, the limits and the bar. `report` needs model, machine, runtime
/// and plan.
[[nodiscard]] std::string to_verdict_json(const PlanReport& report);

}  // namespace membudget
#pragma GCC visibility pop
