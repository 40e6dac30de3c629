// SPDX-License-Identifier: MIT
// Systems whose memory nobody taught this library to read.
#if !defined(__APPLE__) && !defined(__linux__)

#include "membudget/host_readings.hpp"

namespace membudget {

HostReadings read_host() {
  return {};
}

}  // namespace membudget

#endif
