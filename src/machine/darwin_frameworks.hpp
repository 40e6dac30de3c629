// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/host_readings.hpp"

/// What only Apple's frameworks tell. They are opened when asked, so that building needs none of
/// their headers; where one is missing, so is its reading.
namespace membudget::darwin {

void add_accelerator(HostReadings& readings);    ///< IOKit
void add_metal(HostReadings& readings);          ///< Metal
void add_thermal_state(HostReadings& readings);  ///< Foundation

}  // namespace membudget::darwin
