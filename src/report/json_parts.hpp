// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include "membudget/report.hpp"

namespace membudget::report {

using Json = nlohmann::ordered_json;

/// The settings of a plan as plan.schema.json names them.
[[nodiscard]] Json settings_of(const Model& model, const Runtime& runtime,
                               const Footprint& footprint);
/// What to change, what could be afforded and why; without commands.
[[nodiscard]] Json advice_of(const PlanReport& report);

}  // namespace membudget::report
