// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/sweep.hpp"

namespace membudget::report {

/// The series of a sweep that are shown together: one machine, one runtime.
struct SweepPanel {
  std::string title;  ///< "Apple M1 Max, 32.00 GiB RAM, macOS 26; llama.cpp b10587"
  std::vector<const SweepSeries*> series;  ///< In the sweep's order; never empty.
  std::vector<std::string> labels;         ///< Of each series: what tells it from the others.
  /// Shown is what is on the GPU, against its limit; false: everything, against the RAM, because
  /// that binds wherever anything can be planned.
  bool gpu = true;
};

/// As many curves as a drawing tells apart: five colours, each with two kinds of dashes.
inline constexpr std::size_t most_series = 10;

/// Machines and runtimes in the sweep's order; a panel of more than `most` series is divided by
/// quantization.
[[nodiscard]] std::vector<SweepPanel> panels_of(const Sweep& sweep, std::size_t most);

/// "qwen2.5-coder-32b Q4_K_M, f16 cache": what all series have in common.
[[nodiscard]] std::string title_of(const Sweep& sweep);

/// "GPU limit 24.96 GiB (0.78 x 32 GiB RAM on macOS 26), safe up to 22.46 GiB; RAM 28.00 GiB"
[[nodiscard]] std::string limits_of(const SweepSeries& series);

/// What a point takes of the memory that its panel is about.
[[nodiscard]] Bytes counted(const PlanFigures& figures, const SweepPanel& panel);
/// "GPU memory", "memory"
[[nodiscard]] std::string_view memory_name(const SweepPanel& panel);

/// "20.67": GiB without the unit, as tables show them.
[[nodiscard]] std::string in_gib(Bytes size);

/// The reasons why points of these series cannot be planned, each once with what it is of.
[[nodiscard]] std::vector<std::string> refusals_of(const SweepPanel& panel);

/// Where another limit binds than the one that the panel is about; empty where none does.
[[nodiscard]] std::string other_limit(const SweepPanel& panel);

}  // namespace membudget::report
