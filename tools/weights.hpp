// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "plan_options.hpp"

/// The model called `name` with weights that the runtime reads: of a catalog model, where no --quant
/// asks for others, those that its users mostly load, or those nearest in bits to its usual ones.
/// A runtime that has another program for MLX's models becomes that one for such a model.
[[nodiscard]] membudget::Model read_for(membudget::Runtime& runtime, const std::string& name,
                                        const PlanOptions& options,
                                        const membudget::Profiles& profiles);
