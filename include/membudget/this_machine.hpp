// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/host_readings.hpp"
#include "membudget/machine.hpp"
#include "membudget/thermal_state.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// How the host's chip compares with the chips that are known.
enum class ChipMatch : std::uint8_t {
  exact,    ///< The chip, its bin and its RAM have a profile.
  bin,      ///< The chip has one with other cores or another RAM; figures of the host replace them.
  nearest,  ///< Nobody described this chip: the closest one stands in, and no speed is known.
  none,     ///< No chip of Apple's.
};

/// "exact", "bin", "nearest", "none".
[[nodiscard]] std::string_view to_string(ChipMatch match);

/// The system's own word for how short of memory it is (macOS:
/// kern.memorystatus_vm_pressure_level).
enum class MemoryPressure : std::uint8_t { normal, warning, critical };

/// "normal", "warning" or "critical".
[[nodiscard]] std::string_view to_string(MemoryPressure pressure);

/// The safety margin of machines up to an amount of RAM; nothing = of all larger ones.
struct MarginByRam {
  std::optional<Bytes> ram_to;
  SafetyMargin margin;
};

/// What is kept free on hosts that have no profile (profiles/budget.json).
struct HostRules {
  /// Of a whole machine: `percent` of the RAM within these bounds.
  std::int64_t reserve_percent = 0;
  Bytes reserve_least;
  Bytes reserve_most;
  std::string reserve_source;
  /// Of a container, whose limit nothing but its own processes use up.
  Bytes container_reserve;
  std::string container_source;
  std::vector<MarginByRam> margins;  ///< Ascending.
};

/// A limit that something other than the hardware sets.
struct MemoryLimit {
  std::string name;  ///< "cgroup v2 /system.slice/app.service"
  Bytes limit;
  Bytes used;  ///< Without files that the kernel drops when it needs room.
};

/// What is known of the host a program runs on.
struct ThisMachine {
  System system = System::other;
  std::string system_name;  ///< "macOS 26.1", "Debian GNU/Linux 12 (bookworm)"
  std::string architecture;
  std::string model;      ///< `sysctl hw.model`: "MacBookPro18,2"; elsewhere the board's name.
  std::string processor;  ///< As the host calls it: "Apple M1 Max", "AMD EPYC 9B14"; may be empty.
  ChipMatch match = ChipMatch::none;
  std::string match_note;                 ///< Why it is not exact, and what to do; a sentence.
  std::string profile;                    ///< Of the chip matched or nearest; empty without one.
  std::optional<std::int64_t> cpu_cores;  ///< Physical on macOS, logical elsewhere.
  std::optional<double> cpu_limit;        ///< CPUs that a cgroup grants, when fewer.
  std::optional<std::int64_t> gpu_cores;
  Bytes installed;                   ///< RAM of the hardware.
  std::optional<MemoryLimit> limit;  ///< The tightest below the installed RAM.
  std::int64_t wired_limit_mib = 0;
  std::optional<Bytes> working_set;  ///< As Metal reports them.
  std::optional<Bytes> largest_buffer;
  std::optional<HeldMemory> held;   ///< By others, now.
  std::optional<Bytes> available;   ///< What is left of the RAM beside that.
  std::optional<Bytes> gpu_in_use;  ///< By all programs; part of what is held.
  std::optional<MemoryPressure> pressure;
  /// Linux: per cent of the last ten seconds in which some task waited for memory (PSI).
  std::optional<double> stalled_percent;
  std::optional<SwapUse> swap;
  std::optional<ThermalState> thermal;
  Machine machine;  ///< To plan on: what the host usually grants, without what is held now.
};

/// Interprets readings; pure. `chips` are those that may match. Throws Error{unsupported} when not
/// even the size of the RAM is known.
[[nodiscard]] ThisMachine this_machine(const HostReadings& readings, std::span<const Chip> chips,
                                       const HostRules& rules);

/// The same machine with what is free at the moment of the readings (plan --now). Throws
/// Error{unsupported} when the readings do not tell what is held.
[[nodiscard]] Machine machine_now(const ThisMachine& host);

}  // namespace membudget
#pragma GCC visibility pop
