// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "membudget/profiles.hpp"
#include "membudget/stack_schedule.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// Reads a model by name at a quantization (empty: its usual one).
using ReadMember = std::function<Model(const std::string& name, const std::string& quantization)>;

/// Looks up what a stack's profile names, on `machine`. What the profile says of the rest of the
/// system (`beside`, `reserve`) is added to the machine's.
/// Throws what the look-ups throw.
[[nodiscard]] Stack stack_of(const StackProfile& profile, Machine machine, const Profiles& profiles,
                             const ReadMember& read);

/// A member of its own, with the rules of its runtime.
[[nodiscard]] StackMember member_of(const StackProfile::Member& member, const Profiles& profiles,
                                    const ReadMember& read);

/// The requests of a profile one by one, in the order of time.
[[nodiscard]] std::vector<StackRequest> requests_of(const StackProfile& profile);

}  // namespace membudget
#pragma GCC visibility pop
