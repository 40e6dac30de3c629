// SPDX-License-Identifier: MIT
#include "membudget/this_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "machine/this_machine_chip.hpp"
#include "machine/this_machine_linux.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

std::optional<std::int64_t> number(const HostReadings& readings, const std::string& name) {
  const auto found = readings.numbers.find(name);
  return found == readings.numbers.end() ? std::nullopt : std::optional(found->second);
}

std::string text(const HostReadings& readings, const std::string& name) {
  const auto found = readings.texts.find(name);
  return found == readings.texts.end() ? std::string() : found->second;
}

std::int64_t major_of(std::string_view version) {
  std::int64_t out = 0;
  std::from_chars(version.data(), version.data() + version.size(), out);
  return out;
}

/// The kernel's version decides: macOS tells programs built for older systems an older version of
/// itself ("10.16" for 11, "16" for 26). Darwin 20 is macOS 11, 24 is 15, 25 is 26.
std::int64_t macos_of(const HostReadings& readings) {
  const std::int64_t darwin = major_of(text(readings, "kern.osrelease"));
  if (darwin >= 20) {
    return darwin >= 25 ? darwin + 1 : darwin - 9;
  }
  return major_of(text(readings, "kern.osproductversion"));
}

std::string macos_name(const HostReadings& readings, std::int64_t major) {
  const std::string product = text(readings, "kern.osproductversion");
  if (major == 0) {
    return "macOS";
  }
  return major_of(product) == major ? "macOS " + product : fmt::format("macOS {}", major);
}

/// As Activity Monitor counts "Memory Used": apps without what they gave up already, wired memory,
/// and what the compressor takes. Files in memory are not held.
std::vector<ReservePart> held_pages(const PageCounts& pages) {
  const auto bytes = [&](std::int64_t count) {
    return Bytes(checked_multiply(std::max<std::int64_t>(count, 0), pages.page_bytes));
  };
  return {{"programs", bytes(pages.internal - pages.purgeable), "host_statistics64"},
          {"macOS and the GPU (wired)", bytes(pages.wired), "host_statistics64"},
          {"compressed memory", bytes(pages.compressor), "host_statistics64"}};
}

std::optional<MemoryPressure> pressure_of(const HostReadings& readings) {
  // sys/event.h and vm_pressure: 1 normal, 2 warning, 4 critical.
  const auto level = number(readings, "kern.memorystatus_vm_pressure_level");
  if (!level) return std::nullopt;
  if (*level == 1) return MemoryPressure::normal;
  if (*level == 2) return MemoryPressure::warning;
  if (*level == 4) return MemoryPressure::critical;
  return std::nullopt;
}

/// An application's helpers belong to it: "Google Chrome Helper (Renderer)".
std::string application_of(const std::string& process) {
  const auto at = process.find(" Helper");
  return at == std::string::npos || at == 0 ? process : process.substr(0, at);
}

std::vector<Program> programs_of(const std::vector<ProcessReading>& processes) {
  std::map<std::string, Program> by_name;
  for (const ProcessReading& process : processes) {
    const std::string name = application_of(process.name);
    Program& program = by_name.try_emplace(name, Program{name, 0, Bytes()}).first->second;
    ++program.processes;
    program.bytes += process.bytes;
  }
  std::vector<Program> out;
  out.reserve(by_name.size());
  for (auto& [name, program] : by_name) {
    out.push_back(std::move(program));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Program& a, const Program& b) { return b.bytes < a.bytes; });
  constexpr std::size_t most = 10;
  out.resize(std::min(out.size(), most));
  return out;
}

/// Of a machine without a profile.
Chip chip_by_rules(const ThisMachine& host, Bytes ram, const HostRules& rules) {
  Chip out;
  out.id = this_machine_id;
  out.name = host.processor.empty() ? host.architecture : host.processor;
  out.cpu_cores = host.cpu_cores.value_or(0);
  out.ram = ram;
  if (host.limit) {
    out.reserve = std::min(rules.container_reserve, ram);
    out.reserve_source = rules.container_source;
  } else {
    const Bytes share(ram.count() / 100 * rules.reserve_percent);
    out.reserve = std::min(ram, std::clamp(share, rules.reserve_least, rules.reserve_most));
    out.reserve_source = rules.reserve_source;
  }
  for (const auto& [ram_to, margin] : rules.margins) {
    if (!ram_to || ram <= *ram_to) {
      out.safety_margin = margin;
      break;
    }
  }
  return out;
}

void plan_on_cpu(ThisMachine& host, const HostRules& rules) {
  host.machine.metal = false;
  host.machine.chip = chip_by_rules(host, host.limit ? host.limit->limit : host.installed, rules);
  if (host.limit) {
    host.machine.notes.push_back(fmt::format("{} grants {} of the {} installed.", host.limit->name,
                                             to_text(host.limit->limit), to_text(host.installed)));
  }
  host.machine.notes.emplace_back(
      "There is no Metal here: the plan is for llama.cpp on the CPU, and no speed is known.");
}

void hold(ThisMachine& host, std::vector<ReservePart> parts,
          const std::vector<ProcessReading>& processes) {
  const Bytes ram = host.machine.chip.ram;
  Bytes held;
  for (ReservePart& part : parts) {
    // Counters are read one after another and may together exceed what there is.
    part.bytes = std::min(part.bytes, ram - held);
    held += part.bytes;
  }
  host.held = HeldMemory{std::move(parts), programs_of(processes)};
  host.available = ram - held;
}

void read_mac(ThisMachine& host, const HostReadings& readings, std::span<const Chip> chips,
              const HostRules& rules) {
  const auto ram = number(readings, "hw.memsize");
  host.installed = Bytes(ram.value_or(0));
  host.model = text(readings, "hw.model");
  host.processor = text(readings, "machdep.cpu.brand_string");
  // Under Rosetta the processor has another name; the GPU tells the chip.
  const bool apples_gpu = readings.metal && readings.metal->device.starts_with("Apple M");
  if (!host.processor.starts_with("Apple ") && apples_gpu) {
    host.processor = readings.metal->device;
  }
  host.cpu_cores = number(readings, "hw.physicalcpu");
  host.wired_limit_mib =
      std::max<std::int64_t>(number(readings, "iogpu.wired_limit_mb").value_or(0), 0);
  if (readings.accelerator) {
    host.gpu_cores = readings.accelerator->cores;
    host.gpu_in_use = readings.accelerator->in_use;
  }
  if (readings.metal && readings.metal->working_set > Bytes()) {
    host.working_set = readings.metal->working_set;
    host.largest_buffer = readings.metal->largest_buffer;
  }
  const std::int64_t macos = macos_of(readings);
  host.system_name = macos_name(readings, macos);
  host.pressure = pressure_of(readings);
  host.swap = readings.swap;
  if (const auto state = readings.thermal_state; state && *state >= 0 && *state <= 3) {
    host.thermal = static_cast<ThermalState>(*state);
  }
  if (macos > 0) {
    host.machine.macos = macos;
  }
  const auto matched = match_chip(
      {host.processor, host.model, host.installed, host.gpu_cores, host.cpu_cores}, chips);
  if (!matched || (readings.metal && !readings.metal->unified_memory)) {
    host.match_note = "Only Macs with Apple's chips are known here; --chip names one to plan for.";
    plan_on_cpu(host, rules);
    return;
  }
  host.match = matched->match;
  host.match_note = matched->note;
  host.profile = matched->profile;
  host.machine.chip = matched->chip;
  host.machine.wired_limit_mib = host.wired_limit_mib;
  host.machine.working_set = host.working_set;
  host.machine.largest_buffer = host.largest_buffer;
  if (!matched->note.empty()) {
    host.machine.notes.push_back(matched->note);
  }
}

}  // namespace

std::string_view to_string(ChipMatch match) {
  switch (match) {
    case ChipMatch::exact:
      return "exact";
    case ChipMatch::bin:
      return "bin";
    case ChipMatch::nearest:
      return "nearest";
    case ChipMatch::none:
      return "none";
  }
  return "";
}

std::string_view to_string(MemoryPressure pressure) {
  switch (pressure) {
    case MemoryPressure::normal:
      return "normal";
    case MemoryPressure::warning:
      return "warning";
    case MemoryPressure::critical:
      return "critical";
  }
  return "";
}

ThisMachine this_machine(const HostReadings& readings, std::span<const Chip> chips,
                         const HostRules& rules) {
  ThisMachine out;
  out.system = out.machine.system = readings.system;
  out.architecture = readings.architecture;
  std::vector<ReservePart> held;
  if (readings.system == System::gnu_linux) {
    held = read_linux(out, readings);
  } else if (readings.system == System::macos) {
    read_mac(out, readings, chips, rules);
    if (readings.pages) {
      held = held_pages(*readings.pages);
    }
  }
  if (out.installed <= Bytes()) {
    throw Error(Errc::unsupported, "",
                "how much RAM this machine has cannot be read; name a machine with --chip");
  }
  if (readings.system == System::gnu_linux) {
    plan_on_cpu(out, rules);
  }
  if (!held.empty()) {
    hold(out, std::move(held), readings.processes);
  }
  return out;
}

Machine machine_now(const ThisMachine& host) {
  if (!host.held) {
    throw Error(Errc::unsupported, "",
                "what other programs hold cannot be read on this machine; leave --now out");
  }
  Machine out = host.machine;
  out.held = host.held;
  return out;
}

}  // namespace membudget
