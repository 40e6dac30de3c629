// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "membudget/host_readings.hpp"
#include "membudget/server_monitor.hpp"

namespace membudget {

/// From the texts of Linux's /proc/meminfo and /proc/vmstat.
[[nodiscard]] HostCounters read_host_counters(std::string_view meminfo, std::string_view vmstat);

/// From what macOS tells: memory in use as Activity Monitor counts it, the anonymous memory that is
/// not given up, what is wired and what the compressor takes.
[[nodiscard]] HostCounters read_host_counters(const HostReadings& readings);

}  // namespace membudget
