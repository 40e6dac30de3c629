// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/footprint.hpp"

namespace membudget::mlx {

/// What MLX holds when the settings' tokens are in use.
///
/// The parts on the GPU are those of the moment at which most lives, and sum to what mlx-lm prints
/// as "Peak memory"; the process's own is on the host. Throws Error{bad_request} for GGUF, for
/// models that mlx-lm has no file for and for cache bits that it refuses.
[[nodiscard]] Footprint footprint(const Model& model, const Runtime& runtime,
                                  const Settings& settings);

/// The context that LM Studio gives a model by `rules.context_fit`, which must be there
/// (mlx-engine 08f0c075, context_fit.py, calculate_context_fit).
[[nodiscard]] std::int64_t fitted_context(const Model& model, const MlxRules& rules,
                                          Bytes working_set);

}  // namespace membudget::mlx
