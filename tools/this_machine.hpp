// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "membudget/membudget.hpp"

/// Whether --chip stands for the machine at hand: not given, or "this-machine".
[[nodiscard]] bool names_this_machine(std::string_view chip);

/// What this machine tells, or one whose recording is in `file`. Throws Error for a file that
/// cannot be read.
[[nodiscard]] membudget::HostReadings readings_of(const std::string& file);

/// The machine to plan on, as it is at the moment with `now`.
[[nodiscard]] membudget::Machine machine_at_hand(const std::string& file, bool now,
                                                 const membudget::Profiles& profiles);
