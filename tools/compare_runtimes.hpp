// SPDX-License-Identifier: MIT
#pragma once

#include "command.hpp"
#include "plan_options.hpp"

/// Plans the model with every runtime that is known, whatever --runtime says, and prints the
/// comparison.
[[nodiscard]] Exit compare_runtimes(const PlanOptions& options);
