// SPDX-License-Identifier: MIT
#include "health/host_counters.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace membudget {
namespace {

/// The number behind a name at the start of a line: "MemTotal:       16384 kB".
std::optional<double> number_of(std::string_view text, std::string_view name) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(name)) {
      continue;
    }
    line.remove_prefix(name.size());
    const auto digits = line.find_first_not_of(" \t");
    if (digits == std::string_view::npos || digits == 0) {
      continue;
    }
    std::int64_t value = 0;
    const auto [stop, error] =
        std::from_chars(line.data() + digits, line.data() + line.size(), value);
    return error == std::errc{} && value >= 0 ? std::optional(static_cast<double>(value))
                                              : std::nullopt;
  }
  return std::nullopt;
}

#ifdef __linux__
std::string content(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
#endif

}  // namespace

HostCounters read_host_counters(std::string_view meminfo, std::string_view vmstat) {
  HostCounters out;
  const auto total = number_of(meminfo, "MemTotal:");
  const auto available = number_of(meminfo, "MemAvailable:");
  if (total && available && *total > 0 && *available <= *total) {
    out.memory = 1 - *available / *total;
  }
  const auto in = number_of(vmstat, "pswpin");
  const auto swapped_out = number_of(vmstat, "pswpout");
  if (in && swapped_out) {
    out.swapped_pages = *in + *swapped_out;
  }
  return out;
}

HostCounters read_host_counters(const HostReadings& readings) {
  HostCounters out;
  const auto ram = readings.numbers.find("hw.memsize");
  if (readings.pages && ram != readings.numbers.end() && ram->second > 0) {
    const PageCounts& pages = *readings.pages;
    const std::int64_t held = std::max<std::int64_t>(pages.internal - pages.purgeable, 0);
    const double used = static_cast<double>(held + pages.wired + pages.compressor) *
                        static_cast<double>(pages.page_bytes);
    out.memory = std::min(used / static_cast<double>(ram->second), 1.0);
  }
  if (readings.thermal_state && *readings.thermal_state >= 0 && *readings.thermal_state <= 3) {
    out.thermal_state = static_cast<ThermalState>(*readings.thermal_state);
  }
  return out;
}

HostCounters host_counters() {
#ifdef __linux__
  return read_host_counters(content("/proc/meminfo"), content("/proc/vmstat"));
#else
  return read_host_counters(read_host());
#endif
}

}  // namespace membudget
