// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include "membudget/report.hpp"

namespace membudget::report {

using Json = nlohmann::ordered_json;

/// The settings of a plan as plan.schema.json names them.
[[nodiscard]] Json settings_of(const Model& model, const Runtime& runtime,
                               const Footprint& footprint);
/// [{"name", "where", "bytes", "basis", "note"}]
[[nodiscard]] Json parts_of(const Footprint& footprint);
/// [{"name", "bytes", "source"}]
[[nodiscard]] Json parts_of(const std::vector<ReservePart>& parts);
/// [{"name", "processes", "bytes"}]
[[nodiscard]] Json programs_of(const std::vector<Program>& programs);
/// {"chip", "ram_bytes", "macos" or "system"}
[[nodiscard]] Json identity_of(const Machine& machine);
/// What to change, what could be afforded and why; without commands.
[[nodiscard]] Json advice_of(const PlanReport& report);

}  // namespace membudget::report
