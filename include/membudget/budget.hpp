// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "membudget/machine.hpp"
#include "membudget/runtime.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What a machine grants, and the rule that says so.
struct Budget {
  bool metal = true;           ///< False: nothing but the CPU computes, and only RAM binds.
  Bytes gpu_limit;             ///< Metal's working set; nothing without Metal.
  std::string gpu_limit_rule;  ///< "0.78 x 32 GiB RAM on macOS 26"
  std::string gpu_limit_source;
  /// A Max or an Ultra, for which MLX queues more work than for the smaller chips.
  bool large_gpu = true;
  bool gpu_limit_observed = true;
  Bytes ram;
  Bytes reserve;                           ///< Kept for macOS and other programs.
  std::vector<ReservePart> reserve_parts;  ///< What it is kept for; they sum to `reserve`.
  Bytes ram_available;                     ///< ram - reserve.
  /// Where the reserve is what others hold now: what would be kept free otherwise, and who they
  /// are.
  std::optional<Bytes> usual_reserve;
  std::vector<Program> programs;
  /// The largest single buffer that Metal gives, whatever the wired limit; nothing = not known.
  /// Engines split weights and caches into several, so only one tensor can be too large for it.
  Bytes largest_buffer;
  std::string largest_buffer_rule;  ///< "75 % of the default working set"
  std::string largest_buffer_source;
  /// A plan is comfortable when at least this much is left under the tighter limit.
  Bytes safety_margin;
  std::string safety_margin_rule;  ///< "10 % of 24.96 GiB, at least 1.00 GiB"
  std::string safety_margin_source;
};

/// Throws Error{unsupported} when no working-set rule covers the machine's macOS version.
[[nodiscard]] Budget budget(const Machine& machine, const Runtime& runtime);

/// The tighter of the limits: more than this no model may take.
[[nodiscard]] Bytes tighter_limit(const Budget& budget);

}  // namespace membudget
#pragma GCC visibility pop
