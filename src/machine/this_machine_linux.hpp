// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "membudget/this_machine.hpp"

namespace membudget {

/// Fills in what a Linux host tells, and returns what its programs hold of the RAM, or of the part
/// of it that a control group grants; nothing when that cannot be known.
[[nodiscard]] std::vector<ReservePart> read_linux(ThisMachine& host, const HostReadings& readings);

}  // namespace membudget
