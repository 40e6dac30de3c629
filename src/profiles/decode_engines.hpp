// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/engine_rules.hpp"
#include "profiles/fields.hpp"

namespace membudget {

/// The member of a runtime's version that is named after its engine.
[[nodiscard]] CandleRules take_candle(Fields fields);
/// Without the mode, which belongs to the runtime.
[[nodiscard]] MlcRules take_mlc(Fields fields);
[[nodiscard]] CoreMlRules take_core_ml(Fields fields);

}  // namespace membudget
