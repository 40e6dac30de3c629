// SPDX-License-Identifier: MIT
#include "membudget/thermal_state.hpp"

#include <algorithm>
#include <array>

namespace membudget {
namespace {

constexpr std::array<ThermalState, 4> states{ThermalState::nominal, ThermalState::fair,
                                             ThermalState::serious, ThermalState::critical};

}  // namespace

std::string_view to_string(ThermalState state) {
  switch (state) {
    case ThermalState::nominal:
      return "nominal";
    case ThermalState::fair:
      return "fair";
    case ThermalState::serious:
      return "serious";
    case ThermalState::critical:
      return "critical";
  }
  return "";
}

std::optional<ThermalState> thermal_state_of_name(std::string_view name) {
  const auto found = std::find_if(states.begin(), states.end(),
                                  [&](ThermalState state) { return to_string(state) == name; });
  return found == states.end() ? std::nullopt : std::optional(*found);
}

}  // namespace membudget
