// SPDX-License-Identifier: MIT
#include "machine/linux_files.hpp"

#include <algorithm>
#include <charconv>
#include <locale>
#include <sstream>
#include <system_error>
#include <utility>

#include "ascii.hpp"

namespace membudget::linux_files {
namespace {

constexpr std::string_view blanks = " \t";

/// Without what stands around it.
std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  while (true) {
    const auto from = text.find_first_not_of(separators);
    if (from == std::string_view::npos) {
      return out;
    }
    text.remove_prefix(from);
    const auto end = std::min(text.find_first_of(separators), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// The number a text begins with.
std::optional<std::int64_t> number(std::string_view text) {
  text = trimmed(text);
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop == text.data()) {
    return std::nullopt;
  }
  return value;
}

/// Kilobytes, as the kernel calls 1024 bytes.
std::optional<Bytes> kilobytes(std::string_view text) {
  constexpr std::int64_t most = std::int64_t{1} << 52;
  const auto value = number(text);
  return value && *value >= 0 && *value < most ? std::optional(kib(*value)) : std::nullopt;
}

std::string_view file(const Files& files, const std::string& path) {
  const auto found = files.find(path);
  return found == files.end() ? std::string_view{} : std::string_view(found->second);
}

/// Where a hierarchy is mounted, and which of its groups is shown there.
struct Mount {
  std::string point;
  std::string root = "/";
};

/// A line of mountinfo has the options of the file system after a lone dash:
/// "36 35 0:30 /root /point rw - cgroup cgroup rw,memory" (proc_pid_mountinfo(5)).
std::optional<Mount> mount_of(std::string_view mountinfo, std::string_view type,
                              std::string_view controller) {
  for (const std::string_view line : lines(mountinfo)) {
    const auto words = split(line, blanks);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 5 || words.end() - dash < 4 || dash[1] != type) {
      continue;
    }
    const auto options = split(dash[3], ",");
    if (controller.empty() ||
        std::find(options.begin(), options.end(), controller) != options.end()) {
      return Mount{std::string(words[4]), std::string(words[3])};
    }
  }
  return std::nullopt;
}

/// The process's path in a hierarchy: "0::/app" for version 2, "5:cpu,memory:/app" for version 1.
std::optional<std::string> path_of(std::string_view cgroups, std::string_view controller) {
  for (const std::string_view line : lines(cgroups)) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const auto each = split(names, ",");
    const bool found = controller.empty()
                           ? names.empty()
                           : std::find(each.begin(), each.end(), controller) != each.end();
    if (found) {
      return std::string(trimmed(line.substr(second + 1)));
    }
  }
  return std::nullopt;
}

void add_folders(const Mount& mount, std::string path, int version, bool memory,
                 std::vector<CgroupFolder>& out) {
  // What is mounted begins at `root`; a path outside of it is another namespace's.
  const bool below = mount.root == "/" || path == mount.root || path.starts_with(mount.root + "/");
  if (mount.root != "/") {
    path = below ? path.substr(mount.root.size()) : "";
  }
  if (path.find("..") != std::string::npos) {
    path.clear();
  }
  while (!path.empty() && path != "/") {
    out.push_back({version, memory, mount.point + path, path});
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  out.push_back({version, memory, mount.point, "/"});
}

/// "max", -1 and numbers no machine has stand for none.
std::optional<Bytes> limit(std::string_view text) {
  constexpr std::int64_t most = std::int64_t{1} << 50;
  const auto value = number(text);
  return value && *value > 0 && *value < most ? std::optional(Bytes(*value)) : std::nullopt;
}

std::optional<Bytes> tighter(std::optional<Bytes> a, std::optional<Bytes> b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

/// Files of a group count as used but are dropped when it needs room.
Bytes without_files(Bytes used, std::string_view stat, std::string_view prefix) {
  for (const std::string_view kind : {"inactive_file", "active_file"}) {
    if (const auto bytes = number(value_of(stat, std::string(prefix) + std::string(kind)))) {
      used -= Bytes(*bytes);
    }
  }
  return std::max(used, Bytes());
}

std::optional<CgroupLimits::Memory> memory_of(const CgroupFolder& folder, const Files& files) {
  const auto text = [&](const char* name) { return file(files, folder.folder + "/" + name); };
  const bool two = folder.version == 2;
  const std::string_view stat = text("memory.stat");
  // memory.high does not kill, but above it the kernel slows the group down to a crawl.
  const auto granted = two ? tighter(limit(text("memory.max")), limit(text("memory.high")))
                           : tighter(limit(text("memory.limit_in_bytes")),
                                     limit(value_of(stat, "hierarchical_memory_limit")));
  if (!granted) {
    return std::nullopt;
  }
  const auto used = number(text(two ? "memory.current" : "memory.usage_in_bytes"));
  return CgroupLimits::Memory{(two ? "cgroup v2 " : "cgroup v1 ") + folder.name, *granted,
                              without_files(Bytes(used.value_or(0)), stat, two ? "" : "total_")};
}

std::optional<double> cpus_of(const CgroupFolder& folder, const Files& files) {
  const auto text = [&](const char* name) { return file(files, folder.folder + "/" + name); };
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (folder.version == 2) {
    const auto words = split(text("cpu.max"), " \t\n");
    if (words.size() == 2) {
      quota = number(words[0]);
      period = number(words[1]);
    }
  } else {
    quota = number(text("cpu.cfs_quota_us"));
    period = number(text("cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

std::string value_of(std::string_view text, std::string_view key) {
  for (std::string_view line : lines(text)) {
    if (!line.starts_with(key)) {
      continue;
    }
    line.remove_prefix(key.size());
    if (line.empty() || std::string_view(": \t=").find(line.front()) == std::string_view::npos) {
      continue;  // A longer key.
    }
    const auto from = line.find_first_not_of(": \t=");
    return from == std::string_view::npos ? std::string() : std::string(trimmed(line.substr(from)));
  }
  return {};
}

std::optional<Bytes> meminfo(std::string_view text, std::string_view key) {
  return kilobytes(value_of(text, key));
}

std::optional<ProcessReading> process(std::string_view status) {
  ProcessReading out{value_of(status, "Name"), Bytes()};
  const auto anonymous = kilobytes(value_of(status, "RssAnon"));
  const auto shared = kilobytes(value_of(status, "RssShmem"));
  // Kernels before 4.5 do not part them.
  const auto resident = anonymous ? anonymous : kilobytes(value_of(status, "VmRSS"));
  if (out.name.empty() || !resident) {
    return std::nullopt;
  }
  out.bytes = *resident + (anonymous ? shared.value_or(Bytes()) : Bytes());
  return out;
}

std::int64_t count_cpus(std::string_view list) {
  constexpr std::int64_t most = 1 << 20;
  std::int64_t out = 0;
  for (const std::string_view range : split(list, ", \n\t")) {
    const auto dash = range.find('-');
    const auto from = number(range.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : number(range.substr(dash + 1));
    if (!from || !to || *from < 0 || *to < *from || *to > most) {
      return 0;
    }
    out += *to - *from + 1;
  }
  return out;
}

std::optional<double> stalled_percent(std::string_view pressure) {
  const std::string some = value_of(pressure, "some");
  const auto at = some.find("avg10=");
  if (at == std::string::npos) {
    return std::nullopt;
  }
  // In a stream of the "C" locale: the kernel's point is no matter of the user's language.
  std::istringstream in(some.substr(at + std::string_view("avg10=").size()));
  in.imbue(std::locale::classic());
  double out = 0;
  return in >> out && out >= 0 && out <= 100 ? std::optional(out) : std::nullopt;
}

std::string os_name(std::string_view os_release) {
  std::string out = value_of(os_release, "PRETTY_NAME");
  if (out.empty()) {
    out = value_of(os_release, "NAME");
  }
  std::erase(out, '"');
  return out.empty() ? "Linux" : out;
}

std::vector<CgroupFolder> cgroup_folders(const Files& files) {
  const std::string_view cgroups = file(files, "/proc/self/cgroup");
  const std::string_view mounts = file(files, "/proc/self/mountinfo");
  std::vector<CgroupFolder> out;
  for (const std::string_view controller : {"memory", "cpu"}) {
    if (const auto path = path_of(cgroups, controller)) {
      const auto mount = mount_of(mounts, "cgroup", controller)
                             .value_or(Mount{"/sys/fs/cgroup/" + std::string(controller)});
      add_folders(mount, *path, 1, controller == "memory", out);
    }
  }
  if (const auto path = path_of(cgroups, "")) {
    const auto mount = mount_of(mounts, "cgroup2", "").value_or(Mount{"/sys/fs/cgroup"});
    add_folders(mount, *path, 2, true, out);
  }
  return out;
}

std::vector<std::string_view> cgroup_files(const CgroupFolder& folder) {
  if (folder.version == 2) {
    return {"memory.max", "memory.high", "memory.current", "memory.stat", "cpu.max"};
  }
  if (folder.memory) {
    return {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"};
  }
  return {"cpu.cfs_quota_us", "cpu.cfs_period_us"};
}

CgroupLimits cgroup_limits(const Files& files) {
  CgroupLimits out;
  for (const CgroupFolder& folder : cgroup_folders(files)) {
    if (auto memory = memory_of(folder, files)) {
      out.memory.push_back(std::move(*memory));
    }
    if (const auto cpus = cpus_of(folder, files)) {
      out.cpus = out.cpus ? std::min(*out.cpus, *cpus) : *cpus;
    }
  }
  return out;
}

}  // namespace membudget::linux_files
