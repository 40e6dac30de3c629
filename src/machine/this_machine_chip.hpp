// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "membudget/this_machine.hpp"

namespace membudget {

/// Of a machine that no profile describes.
inline constexpr const char* this_machine_id = "this-machine";

/// What a Mac tells of its chip.
struct MacReading {
  std::string chip;   ///< "Apple M1 Max"; may be empty.
  std::string model;  ///< "MacBookPro18,2"; may be empty.
  Bytes ram;
  std::optional<std::int64_t> gpu_cores;
  std::optional<std::int64_t> cpu_cores;
};

struct MatchedChip {
  ChipMatch match = ChipMatch::none;
  Chip chip;            ///< Of `bin` and `nearest` with the Mac's own figures in it.
  std::string profile;  ///< The id that it is taken from.
  std::string note;     ///< A sentence where the match is not exact.
};

/// nullopt for what is no chip of Apple's, or when there are no chips.
[[nodiscard]] std::optional<MatchedChip> match_chip(const MacReading& mac,
                                                    std::span<const Chip> chips);

}  // namespace membudget
