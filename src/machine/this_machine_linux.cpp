// SPDX-License-Identifier: MIT
#include "machine/this_machine_linux.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "machine/linux_files.hpp"

namespace membudget {
namespace {

using linux_files::CgroupLimits;
using linux_files::meminfo;
using linux_files::value_of;

std::string file(const HostReadings& readings, const char* path) {
  const auto found = readings.files.find(path);
  return found == readings.files.end() ? std::string() : found->second;
}

std::string first_line(const std::string& text) {
  std::string out = text.substr(0, text.find('\n'));
  while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back())) != 0) {
    out.pop_back();
  }
  return out;
}

/// arm64's /proc/cpuinfo has numbers instead of a name; the board then says more.
std::string processor_of(const HostReadings& readings, const std::string& board) {
  const std::string cpuinfo = file(readings, "/proc/cpuinfo");
  std::string name = value_of(cpuinfo, "model name");
  if (name.empty()) {
    name = value_of(cpuinfo, "Model");
  }
  return name.empty() ? board : name;
}

std::string board_of(const HostReadings& readings) {
  std::string tree = first_line(file(readings, "/sys/firmware/devicetree/base/model"));
  if (!tree.empty()) {
    return tree;
  }
  const std::string vendor = first_line(file(readings, "/sys/class/dmi/id/sys_vendor"));
  const std::string product = first_line(file(readings, "/sys/class/dmi/id/product_name"));
  return vendor.empty() || product.empty() ? product : vendor + " " + product;
}

/// The kernel's estimate of what programs can get without swapping; kernels before 3.14 make none.
std::optional<Bytes> available_of(const std::string& text) {
  if (const auto available = meminfo(text, "MemAvailable")) {
    return available;
  }
  const auto free = meminfo(text, "MemFree");
  const auto cached = meminfo(text, "Cached");
  if (!free || !cached) {
    return std::nullopt;
  }
  return *free + *cached - meminfo(text, "Shmem").value_or(Bytes());
}

/// Whose limit leaves least below the installed RAM.
const CgroupLimits::Memory* tightest(const CgroupLimits& limits, Bytes installed) {
  const CgroupLimits::Memory* out = nullptr;
  for (const auto& each : limits.memory) {
    if (each.limit < installed && (out == nullptr || each.limit < out->limit)) {
      out = &each;
    }
  }
  return out;
}

void read_cpus(ThisMachine& host, const HostReadings& readings, const CgroupLimits& limits) {
  const auto online = linux_files::count_cpus(file(readings, "/sys/devices/system/cpu/online"));
  const auto allowed =
      linux_files::count_cpus(value_of(file(readings, "/proc/self/status"), "Cpus_allowed_list"));
  const auto most = std::max(online, allowed);
  if (most == 0) {
    return;
  }
  host.cpu_cores = most;
  auto granted = static_cast<double>(most);
  if (allowed > 0) {
    granted = std::min(granted, static_cast<double>(allowed));
  }
  granted = std::min(granted, limits.cpus.value_or(granted));
  if (granted < static_cast<double>(most)) {
    host.cpu_limit = granted;
  }
}

}  // namespace

std::vector<ReservePart> read_linux(ThisMachine& host, const HostReadings& readings) {
  const std::string memory = file(readings, "/proc/meminfo");
  const CgroupLimits limits = linux_files::cgroup_limits(readings.files);
  host.system_name = linux_files::os_name(file(readings, "/etc/os-release"));
  host.model = board_of(readings);
  host.processor = processor_of(readings, host.model);
  host.installed = meminfo(memory, "MemTotal").value_or(Bytes());
  host.stalled_percent = linux_files::stalled_percent(file(readings, "/proc/pressure/memory"));
  read_cpus(host, readings, limits);
  const auto total = meminfo(memory, "SwapTotal");
  const auto free = meminfo(memory, "SwapFree");
  if (total && free) {
    host.swap = SwapUse{*total, std::max(*total - *free, Bytes())};
  }
  const CgroupLimits::Memory* limit = tightest(limits, host.installed);
  if (limit != nullptr) {
    host.limit = MemoryLimit{limit->name, limit->limit, limit->used};
  }
  const auto available = available_of(memory);
  if (!available) {
    return {};
  }
  if (limit == nullptr) {
    return {{"programs and the kernel", std::max(host.installed - *available, Bytes()),
             "MemTotal less MemAvailable of /proc/meminfo"}};
  }
  // What the group may still take is also bounded by what the machine has left.
  std::vector<ReservePart> out{{"programs in " + limit->name, limit->used, "the group's files"}};
  const Bytes room = limit->limit - std::min(limit->used, limit->limit);
  if (*available < room) {
    out.push_back({"programs outside of it", room - *available, "MemAvailable of /proc/meminfo"});
  }
  return out;
}

}  // namespace membudget
