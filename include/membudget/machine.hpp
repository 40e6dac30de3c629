// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// Metal's default working set for one amount of RAM under a range of macOS versions
/// (`recommendedMaxWorkingSetSize` with `iogpu.wired_limit_mb` = 0).
struct WorkingSet {
  std::int64_t macos_from = 0;  ///< Major version, inclusive.
  std::int64_t macos_to = 0;    ///< Major version, inclusive; 0 = no end known.
  Bytes limit;
  std::string rule;      ///< How the limit follows from the RAM: "0.78 x RAM".
  std::string source;    ///< Where it was observed, or "predicted" with the reason.
  bool observed = true;  ///< False where no machine of this size has been seen.
  Bytes largest_buffer;  ///< Metal's maxBufferLength; nothing = not known.
};

/// What must stay free for a plan to be comfortable: a share of the tighter limit, and never less
/// than what other programs' ups and downs were seen to take.
struct SafetyMargin {
  std::int64_t percent = 10;
  Bytes least = gib(1);
  std::string source;  ///< Of both figures.
};

/// Memory that something else than the model holds.
struct ReservePart {
  std::string name;  ///< "macOS and apps", "PostgreSQL"
  Bytes bytes;
  std::string source;
};

/// Programs that run beside a model, by the name that --reserve takes (profiles/budget.json).
struct ReservePreset {
  std::string id;                  ///< "docker-postgres-qdrant"
  std::string name;                ///< In words.
  std::vector<ReservePart> parts;  ///< Over the chip's own reserve.
};

/// A program and what it holds, all of its processes together.
struct Program {
  std::string name;  ///< As the system calls the process: "Safari".
  std::int64_t processes = 1;
  Bytes bytes;
};

/// What other programs hold at one moment.
struct HeldMemory {
  std::vector<ReservePart> parts;  ///< By kind; they sum to all that is held.
  std::vector<Program> programs;   ///< Who holds most of it, the largest first.
};

/// The system under a machine.
enum class System : std::uint8_t { macos, gnu_linux, other };

/// "macos", "linux", "other".
[[nodiscard]] std::string_view to_string(System system);

/// A product that a chip was sold in.
struct Mac {
  std::string name;                      ///< "MacBook Pro 14 (2021)"
  std::vector<std::string> identifiers;  ///< As `sysctl hw.model`: "MacBookPro18,4".
};

/// One Mac as it can be bought: a chip bin with an amount of RAM.
struct Chip {
  std::string id;         ///< "m1-max-32gb"
  std::string name;       ///< As `sysctl machdep.cpu.brand_string`: "Apple M1 Max"
  std::string soc;        ///< Apple's part number: "T6001"; empty = not known.
  std::int64_t year = 0;  ///< First sold in a Mac; 0 = not known.
  std::int64_t gpu_cores = 0;
  std::int64_t cpu_cores = 0;
  double bandwidth_gbs = 0;  ///< Memory bandwidth in 10^9 bytes per second, as published.
  /// What the GPU can compute; nothing where it is not known. The matrix units are apart from the
  /// shader cores, and nothing on GPUs without them.
  std::optional<std::int64_t> gpu_family;  ///< N of MTLGPUFamilyAppleN.
  std::optional<double> gpu_clock_ghz;
  std::optional<double> gpu_fp16_tflops;
  std::optional<double> gpu_matrix_fp16_tflops;
  Bytes ram;
  Bytes reserve;  ///< What macOS and ordinary apps need; never planned away.
  std::string reserve_source;
  SafetyMargin safety_margin;
  std::string largest_buffer_rule;  ///< How WorkingSet::largest_buffer follows from the limit.
  std::string largest_buffer_source;
  std::vector<WorkingSet> working_sets;
  std::vector<Mac> macs;  ///< Sold with this bin and this RAM; empty = not known.
  std::vector<std::string> sources;
  std::vector<std::string> notes;  ///< What is doubtful about the figures.
};

/// A chip in a state: what may be used of it.
struct Machine {
  Chip chip;
  System system = System::macos;
  /// False: nothing but the CPU computes, so RAM alone binds. Workload::backend says the same of
  /// what is planned and must go with it.
  bool metal = true;
  std::int64_t macos = 26;  ///< Major version; of no meaning on other systems.
  /// `sysctl iogpu.wired_limit_mb`, in MiB; 0 = macOS decides.
  std::int64_t wired_limit_mib = 0;
  std::optional<Bytes> reserve;     ///< --reserve SIZE; default: the chip's.
  std::vector<ReservePart> beside;  ///< --reserve NAME: what runs beside, over the reserve.
  /// What Metal itself reports on the machine at hand; nothing: the rules for its RAM and macOS.
  /// A wired limit that is set goes before, because it may be one that is only being considered.
  std::optional<Bytes> working_set;
  std::optional<Bytes> largest_buffer;
  /// What others hold now; it then stands in for the reserve.
  std::optional<HeldMemory> held;
  std::vector<std::string> notes;  ///< What to know about how the machine was found.
};

/// A chip with the system's defaults: newest macOS, no wired limit, the chip's reserve.
[[nodiscard]] Machine machine(const Chip& chip);

}  // namespace membudget
#pragma GCC visibility pop
