// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "membudget/model.hpp"

namespace membudget {

/// What one rank of `mlx.launch` loads, as a model of its own that an engine can be asked about.
///
/// Cut by tensor: heads and the width of the feed-forwards are shared evenly; embedding, output,
/// norms, routers and latents are whole on every rank. `shard()` in mlx_lm/models/*.py, mlx-lm
/// 0.32.0. Throws Error{bad_request} where a number of heads or a width cannot be shared evenly,
/// and for mixers that mlx-lm does not share.
[[nodiscard]] Model mlx_tensor_shard(const Model& model, std::int64_t ranks);

/// Layers [first, last) with embedding and output (mlx_lm/models/pipeline.py).
[[nodiscard]] Model mlx_pipeline_shard(const Model& model,
                                       std::pair<std::int64_t, std::int64_t> layers);

}  // namespace membudget
