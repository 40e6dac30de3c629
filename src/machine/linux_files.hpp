// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/host_readings.hpp"
#include "membudget/units.hpp"

/// What the files say that a Linux kernel shows under /proc and /sys; texts in, values out. A text
/// that is not what it should be gives nothing.
namespace membudget::linux_files {

using Files = std::map<std::string, std::string>;

/// A line of /proc/meminfo: "MemTotal:  16384256 kB".
[[nodiscard]] std::optional<Bytes> meminfo(std::string_view text, std::string_view key);

/// The rest of the line that begins with `key` and a separator of colons, tabs and blanks.
[[nodiscard]] std::string value_of(std::string_view text, std::string_view key);

/// /proc/PID/status; nothing of kernel threads, which have no memory of their own.
[[nodiscard]] std::optional<ProcessReading> process(std::string_view status);

/// CPUs in a list such as "0-3,8,10-11"; 0 for what is none.
[[nodiscard]] std::int64_t count_cpus(std::string_view list);

/// avg10 of the line "some" of /proc/pressure/memory.
[[nodiscard]] std::optional<double> stalled_percent(std::string_view pressure);

/// NAME or PRETTY_NAME of /etc/os-release.
[[nodiscard]] std::string os_name(std::string_view os_release);

/// A control group that the process is in, with a folder of its own.
struct CgroupFolder {
  int version = 2;
  bool memory = true;  ///< False: v1's CPU controller.
  std::string folder;  ///< "/sys/fs/cgroup/system.slice/app.service"
  std::string name;    ///< Its path below the mount: "/system.slice/app.service".
};

/// From the process's own group up to the mount, by /proc/self/cgroup and /proc/self/mountinfo;
/// folders that are not there are skipped by whoever reads them. With namespaces the path may not
/// exist below the mount, which then is the container's own group.
[[nodiscard]] std::vector<CgroupFolder> cgroup_folders(const Files& files);

/// The names of the files in such a folder that matter here.
[[nodiscard]] std::vector<std::string_view> cgroup_files(const CgroupFolder& folder);

/// What the groups above grant together.
struct CgroupLimits {
  struct Memory {
    std::string name;  ///< "cgroup v2 /app"
    Bytes limit;
    Bytes used;  ///< Without the files in it, which the kernel drops when it needs room.
  };
  std::vector<Memory> memory;  ///< Those with a limit, the innermost first.
  std::optional<double> cpus;  ///< The least quota.
};
[[nodiscard]] CgroupLimits cgroup_limits(const Files& files);

}  // namespace membudget::linux_files
