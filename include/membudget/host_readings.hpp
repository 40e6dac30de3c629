// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/machine.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// Pages of memory by use (macOS: host_statistics64, HOST_VM_INFO64).
struct PageCounts {
  std::int64_t page_bytes = 16384;
  std::int64_t free = 0;
  std::int64_t wired = 0;       ///< Cannot be moved or paged: the kernel's, and the GPU's in use.
  std::int64_t internal = 0;    ///< Anonymous memory of programs.
  std::int64_t external = 0;    ///< Of files; macOS drops them when it needs room.
  std::int64_t purgeable = 0;   ///< Part of `internal` that programs gave up already.
  std::int64_t compressor = 0;  ///< What the compressor occupies, not what it holds.
};

/// Swap space in bytes.
struct SwapUse {
  Bytes total;
  Bytes used;
};

/// The accelerator as IOKit describes it; all programs together.
struct AcceleratorReadings {
  std::optional<std::int64_t> cores;  ///< "gpu-core-count"
  std::optional<Bytes> in_use;        ///< "In use system memory"
  std::optional<Bytes> allocated;     ///< "Alloc system memory"
};

/// What Metal says of the system's default device.
struct MetalReadings {
  std::string device;  ///< "Apple M1 Max"
  bool unified_memory = true;
  Bytes working_set;     ///< recommendedMaxWorkingSetSize
  Bytes largest_buffer;  ///< maxBufferLength
};

/// One process and the memory it is charged with: macOS ri_phys_footprint, which has what it holds
/// of the GPU; Linux RssAnon + RssShmem, which leaves out files that are merely mapped.
struct ProcessReading {
  std::string name;
  Bytes bytes;
};

/// What a host tells about itself, as read and not yet interpreted, so that any host's can be
/// recorded and looked at elsewhere. What could not be read is missing.
struct HostReadings {
  System system = System::other;
  std::string architecture;                     ///< As `uname -m`: "arm64", "x86_64", "aarch64".
  std::map<std::string, std::int64_t> numbers;  ///< sysctl by name: "hw.memsize".
  std::map<std::string, std::string> texts;     ///< ... "machdep.cpu.brand_string".
  std::optional<PageCounts> pages;
  std::optional<SwapUse> swap;  ///< sysctl vm.swapusage
  std::optional<AcceleratorReadings> accelerator;
  std::optional<MetalReadings> metal;
  std::optional<std::int64_t> thermal_state;  ///< NSProcessInfo.thermalState: 0 nominal to 3.
  /// Linux: files under /proc, /sys and /etc by path, as they were read.
  std::map<std::string, std::string> files;
  /// Those that hold most; of other users' processes only what the system tells.
  std::vector<ProcessReading> processes;
  std::vector<std::string> notes;  ///< Where a recording comes from.
};

/// Reads this host. Never throws: what cannot be read is missing.
[[nodiscard]] HostReadings read_host();

/// A recording as to_json() writes it. `file` names it in messages. Throws Error{invalid_profile}
/// with where() `file#/json/pointer`.
[[nodiscard]] HostReadings parse_readings(std::string_view text, const std::string& file);
/// One JSON object by profiles/schema/readings.schema.json, with a final newline. It holds names
/// and sizes of processes, but no paths, users or arguments of theirs.
[[nodiscard]] std::string to_json(const HostReadings& readings);

}  // namespace membudget
#pragma GCC visibility pop
