// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "membudget/chart.hpp"

namespace membudget::report {

/// One panel without its title and notes; empty without curves.
[[nodiscard]] std::vector<std::string> drawn(const ChartPanel& panel, const TextStyle& style);

}  // namespace membudget::report
