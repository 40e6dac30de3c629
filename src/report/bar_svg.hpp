// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/chart.hpp"
#include "membudget/plan.hpp"

namespace membudget::report {

/// What a plan takes against the limit that binds, part by part, as a bar with the limit on it.
/// Each part says its size in `data-bytes`.
[[nodiscard]] std::string svg_bar(const Plan& plan, const ChartStyle& style);

}  // namespace membudget::report
