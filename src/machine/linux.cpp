// SPDX-License-Identifier: MIT
// Reading a Linux host: files under /proc, /sys and /etc.
#ifdef __linux__

#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "machine/linux_files.hpp"
#include "membudget/host_readings.hpp"

namespace membudget {
namespace {

namespace fs = std::filesystem;

/// None of these files is longer, but for lists of very many CPUs or mounts.
constexpr std::size_t longest_file = std::size_t{1} << 20;
/// What is smaller explains no lack of memory.
constexpr Bytes smallest_process = mib(16);

std::optional<std::string> content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return std::nullopt;
  }
  std::string out(longest_file, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  return out;
}

void add(HostReadings& out, const std::string& path) {
  if (auto text = content(path)) {
    // Device trees end their strings with a zero byte.
    std::erase(*text, '\0');
    out.files[path] = std::move(*text);
  }
}

/// Only the lines that `keep` wants: the rest tells of the machine what nobody asked.
template <class Keep>
void add_lines(HostReadings& out, const std::string& path, Keep keep) {
  const auto text = content(path);
  if (!text) {
    return;
  }
  std::string kept;
  std::size_t from = 0;
  while (from < text->size()) {
    const auto end = std::min(text->find('\n', from), text->size() - 1) + 1;
    const auto line = std::string_view(*text).substr(from, end - from);
    if (keep(line)) {
      kept += line;
    }
    from = end;
  }
  out.files[path] = std::move(kept);
}

void add_processor(HostReadings& out) {
  // Of the first CPU; the others repeat it.
  if (auto text = content("/proc/cpuinfo")) {
    const auto end = text->find("\n\n");
    add_lines(out, "/proc/cpuinfo", [seen = std::size_t{0}, end](std::string_view line) mutable {
      seen += line.size();
      return (end == std::string::npos || seen <= end + 1) &&
             (line.starts_with("model name") || line.starts_with("Model") ||
              line.starts_with("vendor_id") || line.starts_with("CPU "));
    });
  }
  for (const char* path : {"/sys/devices/system/cpu/online", "/sys/firmware/devicetree/base/model",
                           "/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name"}) {
    add(out, path);
  }
  add_lines(out, "/proc/self/status",
            [](std::string_view line) { return line.starts_with("Cpus_allowed_list"); });
}

void add_cgroups(HostReadings& out) {
  add(out, "/proc/self/cgroup");
  add_lines(out, "/proc/self/mountinfo",
            [](std::string_view line) { return line.find(" - cgroup") != std::string_view::npos; });
  for (const auto& folder : linux_files::cgroup_folders(out.files)) {
    for (const std::string_view name : linux_files::cgroup_files(folder)) {
      add(out, folder.folder + "/" + std::string(name));
    }
  }
}

void add_processes(HostReadings& out) {
  std::error_code error;
  for (fs::directory_iterator each("/proc", error), end; !error && each != end;
       each.increment(error)) {
    const std::string name = each->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    // It may be gone by now.
    const auto status = content(each->path() / "status");
    const auto process = status ? linux_files::process(*status) : std::nullopt;
    if (process && process->bytes >= smallest_process) {
      out.processes.push_back(*process);
    }
  }
}

}  // namespace

HostReadings read_host() {
  HostReadings out;
  out.system = System::gnu_linux;
  if (utsname name{}; uname(&name) == 0) {
    out.architecture = name.machine;
  }
  add_lines(out, "/etc/os-release", [](std::string_view line) {
    return line.starts_with("NAME=") || line.starts_with("PRETTY_NAME=");
  });
  add(out, "/proc/meminfo");
  add(out, "/proc/pressure/memory");
  add_processor(out);
  add_cgroups(out);
  add_processes(out);
  return out;
}

}  // namespace membudget

#endif
