// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/machine.hpp"
#include "membudget/runtime.hpp"

namespace membudget {

/// What a machine grants, and the rule that says so.
struct Budget {
  Bytes gpu_limit;             ///< Metal's working set.
  std::string gpu_limit_rule;  ///< "0.78 x 32 GiB RAM on macOS 26"
  std::string gpu_limit_source;
  bool gpu_limit_observed = true;
  Bytes ram;
  Bytes reserve;        ///< Kept for macOS and other programs.
  Bytes ram_available;  ///< ram - reserve.
  /// A plan is comfortable when at least this much is left: 10 % of the tighter limit, not
  /// less than 1 GiB (2 GiB on machines of 16 GiB and less).
  Bytes safety_margin;
};

/// Throws Error{unsupported} when no working-set rule covers the machine's macOS version.
[[nodiscard]] Budget budget(const Machine& machine, const Runtime& runtime);

}  // namespace membudget
