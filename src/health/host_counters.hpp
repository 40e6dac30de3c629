// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "membudget/server_monitor.hpp"

namespace membudget {

/// From the texts of Linux's /proc/meminfo and /proc/vmstat.
[[nodiscard]] HostCounters read_host_counters(std::string_view meminfo, std::string_view vmstat);

}  // namespace membudget
