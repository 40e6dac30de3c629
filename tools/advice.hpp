// SPDX-License-Identifier: MIT
#pragma once

#include "plan_options.hpp"

/// What to change, or what there is room for, with the speed of each step; into `report`, whose
/// plan was made of `inputs`.
void add_advice(membudget::PlanReport& report, const PlanInputs& inputs);
