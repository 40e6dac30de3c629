// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>

#include "membudget/membudget.hpp"

/// calibration.json in the user's data folder; empty where there is no such folder.
[[nodiscard]] std::filesystem::path calibration_file();

/// What this user's records say of the machine's chip with the engine of the rules: factors for its
/// speed, and memory that its process takes beside what is planned. Nothing changes where there is
/// no calibration; one that cannot be read is told on standard error.
void apply_calibration(membudget::Machine& machine,
                       std::optional<membudget::SpeedRules>& speed_rules);
