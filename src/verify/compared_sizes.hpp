// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "membudget/verify.hpp"

namespace membudget::logs {

/// A part as the log has it.
struct LoggedPart {
  ComparedName name = ComparedName::weights;
  std::optional<Place> where;
  PrintedSize size;
};

/// What a load's lines say, summed over devices of one side; exact lines stand before the memory
/// breakdown, which is cut to whole MiB.
[[nodiscard]] std::vector<LoggedPart> logged_parts(const EngineLoad& load);

/// The same of a plan, as the engine prints it.
[[nodiscard]] Bytes planned_size(const Footprint& footprint, ComparedName name,
                                 std::optional<Place> where);

}  // namespace membudget::logs
