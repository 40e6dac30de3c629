// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/sweep.hpp"
#include "plan_options.hpp"

/// What was read for one plan, to be planned at several contexts and cache types.
[[nodiscard]] membudget::SweepSubject subject_of(const membudget::PlanInputs& inputs);
