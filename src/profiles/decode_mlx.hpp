// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/runtime.hpp"
#include "profiles/fields.hpp"

namespace membudget {

/// "mlx": how memory follows from the tokens in use, the same for every program around MLX.
[[nodiscard]] MlxRules take_mlx_rules(Fields fields);

/// "service": what the program around MLX does otherwise; only those members of `out` are set.
void take_mlx_service(Fields fields, MlxRules& out);

}  // namespace membudget
