// SPDX-License-Identifier: MIT
// Reading a Mac: sysctl, Mach and libproc. Frameworks are in darwin_frameworks.cpp.
#ifdef __APPLE__

#include <libproc.h>
#include <mach/mach.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "machine/darwin_frameworks.hpp"
#include "membudget/host_readings.hpp"

namespace membudget {
namespace {

/// What is smaller explains no lack of memory.
constexpr Bytes smallest_process = mib(16);

/// Numbers of 32 and of 64 bits; which of them a name has differs between versions of macOS.
void add_number(HostReadings& out, const char* name) {
  std::int64_t wide = 0;
  std::size_t size = sizeof wide;
  if (sysctlbyname(name, &wide, &size, nullptr, 0) != 0) {
    return;
  }
  // Of a number of 32 bits the low half is filled, for both kinds of Mac are little-endian.
  if (size == sizeof(std::int32_t)) {
    out.numbers[name] = static_cast<std::int32_t>(wide);
  } else if (size == sizeof wide) {
    out.numbers[name] = wide;
  }
}

void add_text(HostReadings& out, const char* name) {
  std::array<char, 256> text{};
  std::size_t size = text.size() - 1;
  if (sysctlbyname(name, text.data(), &size, nullptr, 0) == 0) {
    out.texts[name] = text.data();
  }
}

void add_pages(HostReadings& out) {
  vm_statistics64_data_t pages{};
  mach_msg_type_number_t words = HOST_VM_INFO64_COUNT;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how Mach returns any structure.
  auto* const buffer = reinterpret_cast<host_info64_t>(&pages);
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, buffer, &words) != KERN_SUCCESS) {
    return;
  }
  out.pages = PageCounts{
      .page_bytes = static_cast<std::int64_t>(vm_kernel_page_size),
      .free = pages.free_count,
      .wired = pages.wire_count,
      .internal = pages.internal_page_count,
      .external = pages.external_page_count,
      .purgeable = pages.purgeable_count,
      .compressor = pages.compressor_page_count,
  };
}

void add_swap(HostReadings& out) {
  xsw_usage swap{};
  std::size_t size = sizeof swap;
  if (sysctlbyname("vm.swapusage", &swap, &size, nullptr, 0) == 0) {
    out.swap = SwapUse{Bytes(static_cast<std::int64_t>(swap.xsu_total)),
                       Bytes(static_cast<std::int64_t>(swap.xsu_used))};
  }
}

/// Other users' processes refuse; what they hold still counts in the pages.
void add_processes(HostReadings& out) {
  const int count = proc_listallpids(nullptr, 0);
  if (count <= 0) {
    return;
  }
  // Some may have started since.
  std::vector<pid_t> pids(static_cast<std::size_t>(count) + 64);
  const int found = proc_listallpids(pids.data(), static_cast<int>(pids.size() * sizeof(pid_t)));
  pids.resize(found > 0 ? static_cast<std::size_t>(found) : 0);
  for (const pid_t pid : pids) {
    rusage_info_v4 usage{};
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libproc.h's own parameter.
    auto* const buffer = reinterpret_cast<rusage_info_t*>(&usage);
    std::array<char, 2 * MAXCOMLEN + 1> name{};
    if (proc_pid_rusage(pid, RUSAGE_INFO_V4, buffer) != 0 ||
        proc_name(pid, name.data(), name.size()) <= 0) {
      continue;
    }
    const Bytes held(static_cast<std::int64_t>(usage.ri_phys_footprint));
    if (held >= smallest_process && pid != getpid()) {
      out.processes.push_back({name.data(), held});
    }
  }
}

}  // namespace

HostReadings read_host() {
  HostReadings out;
  out.system = System::macos;
  if (utsname name{}; uname(&name) == 0) {
    out.architecture = name.machine;
  }
  for (const char* name :
       {"hw.memsize", "hw.physicalcpu", "hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu",
        "iogpu.wired_limit_mb", "kern.memorystatus_vm_pressure_level", "kern.memorystatus_level",
        "sysctl.proc_translated", "kern.hv_vmm_present"}) {
    add_number(out, name);
  }
  for (const char* name :
       {"hw.model", "machdep.cpu.brand_string", "kern.osproductversion", "kern.osrelease"}) {
    add_text(out, name);
  }
  add_pages(out);
  add_swap(out);
  add_processes(out);
  darwin::add_accelerator(out);
  darwin::add_metal(out);
  darwin::add_thermal_state(out);
  return out;
}

}  // namespace membudget

#endif
