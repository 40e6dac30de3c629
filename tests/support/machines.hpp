// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "membudget/host_readings.hpp"

namespace membudget::test {

/// The path of a recording in tests/machines by its name without ".json".
[[nodiscard]] std::string machine_file(const std::string& name);
[[nodiscard]] std::string machine_text(const std::string& name);
[[nodiscard]] HostReadings machine_readings(const std::string& name);
/// Every name, sorted.
[[nodiscard]] std::vector<std::string> machine_names();

}  // namespace membudget::test
