// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/machine.hpp"
#include "membudget/speed_rules.hpp"

namespace membudget {

/// A machine's processors in the units that times are computed in.
struct Processors {
  double bandwidth = 0;      ///< Bytes per second, as published.
  double core_ghz = 0;       ///< GPU cores x clock.
  double shader_flops = 0;   ///< F16 and F32 alike.
  double product_flops = 0;  ///< Of matrix products: the matrix units', where there are any.
  double launch = 1;         ///< Time to start a kernel, against one die of families 9 and 10.
  GpuFamilyRules family;
  double cpu_bandwidth = 0;  ///< Bytes of weights per second that the CPU reads and unpacks.
  double cpu_flops = 0;
  std::string assumed;  ///< What had to be assumed about them; empty = nothing.
};

/// Throws Error{invalid_profile} when the rules know no GPU family.
[[nodiscard]] Processors processors_of(const Chip& chip, const SpeedRules& rules);

}  // namespace membudget
