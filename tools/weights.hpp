// SPDX-License-Identifier: MIT
#pragma once

#include "plan_options.hpp"

/// The model of the options with weights that the runtime reads: of a catalog model, where no --quant
/// asks for others, those nearest in bits to its usual ones.
[[nodiscard]] membudget::Model read_for(const membudget::Runtime& runtime,
                                        const PlanOptions& options,
                                        const membudget::Profiles& profiles);
