// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/model.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What a model is, whatever it is run with.
struct Inspection {
  /// Layers that are alike in what they remember and compute.
  struct Layers {
    std::string kind;  ///< "full attention, 32 heads, 8 KV heads x 128; dense 14336"
    std::int64_t count = 0;
  };
  /// Tensors of one type.
  struct Tensors {
    ElementType type = ElementType::f32;
    std::int64_t count = 0;
    std::int64_t elements = 0;
    Bytes bytes;
  };

  std::int64_t parameters = 0;
  std::vector<Layers> layers;    ///< In the order of their first layer.
  std::vector<Tensors> tensors;  ///< From the most to the fewest bytes.
  Bytes weights;                 ///< Of all tensors, without alignment.
  double bits_per_weight = 0;    ///< Over all tensors.
  /// Tensor data with its alignment, the header and what else the file holds; for the catalog an
  /// estimate, nothing when the header is not known.
  Bytes file_size;
  /// What a token adds to an F16 cache of llama.cpp once every sliding window is full.
  Bytes cache_per_token;
  /// What sliding windows take at most, in an F16 cache of llama.cpp with its default batch.
  Bytes cache_of_windows;
  Bytes recurrent_state;  ///< Per sequence, whatever its length.
};

/// What `model` is made of, counted from its layers and tensors. Throws Error{overflow} for sizes
/// beyond 63 bits.
[[nodiscard]] Inspection inspect(const Model& model);

}  // namespace membudget
#pragma GCC visibility pop
