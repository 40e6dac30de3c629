// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#pragma GCC visibility push(default)
namespace membudget {

/// How hot macOS says it is, where no temperature can be read: NSProcessInfoThermalState.
enum class ThermalState : std::uint8_t { nominal, fair, serious, critical };

/// "nominal", "fair", "serious", "critical".
[[nodiscard]] std::string_view to_string(ThermalState state);
/// nullopt for a name that is none of these.
[[nodiscard]] std::optional<ThermalState> thermal_state_of_name(std::string_view name);

}  // namespace membudget
#pragma GCC visibility pop
