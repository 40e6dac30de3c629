// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/units.hpp"

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
};

/// One Mac as it can be bought: a chip bin with an amount of RAM.
struct Chip {
  std::string id;    ///< "m1-max-32gb"
  std::string name;  ///< "Apple M1 Max"
  std::int64_t gpu_cores = 0;
  std::int64_t cpu_cores = 0;
  double bandwidth_gbs = 0;  ///< Memory bandwidth in 10^9 bytes per second.
  Bytes ram;
  Bytes reserve;  ///< What macOS and ordinary apps need; never planned away.
  std::string reserve_source;
  std::vector<WorkingSet> working_sets;
  std::vector<std::string> sources;
};

/// A chip in a state: what may be used of it.
struct Machine {
  Chip chip;
  std::int64_t macos = 26;  ///< Major version.
  /// `sysctl iogpu.wired_limit_mb`, in MiB; 0 = macOS decides.
  std::int64_t wired_limit_mib = 0;
  std::optional<Bytes> reserve;  ///< --reserve; default: the chip's.
};

/// A chip with the system's defaults: newest macOS, no wired limit, the chip's reserve.
[[nodiscard]] Machine machine(const Chip& chip);

}  // namespace membudget
