// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/footprint.hpp"
#include "membudget/model.hpp"
#include "membudget/runtime.hpp"

namespace membudget::mlx {

/// What mlx-lm allocates for a model's weights: it reads them, it maps nothing.
struct Weights {
  Bytes bytes;              ///< Of the allocations.
  Bytes stored;             ///< Of the arrays as they stand in the files.
  std::int64_t arrays = 0;  ///< Those of a quantized matrix are packed weights, scales and biases.
  Bytes largest;            ///< Of one array.
  Bytes dropped;            ///< In the files, but not loaded: towers, layers for drafting.
  Basis basis = Basis::formula;
};

/// Of a folder that holds what is planned, by its headers; else by the types of the tensors.
/// Throws Error{bad_request} for GGUF's quantizations and for GGUF files, which MLX does not read.
[[nodiscard]] Weights weights(const Model& model, const MlxRules& rules);

}  // namespace membudget::mlx
