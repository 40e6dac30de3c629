// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "membudget/model.hpp"
#include "membudget/runtime.hpp"

namespace membudget {

/// The shape of plain attention, which is all that engines with one kind of cache know.
struct AttentionShape {
  std::int64_t layers = 0;  ///< With a cache of their own.
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;  ///< Of keys and values alike.
};

/// Which layers beside plain attention are no obstacle.
struct Allowed {
  bool short_convolutions = false;
  bool experts = false;
};

/// The shape that all layers of the model share. Throws Error{unsupported} with one sentence on
/// what about the model `runtime` is not known to run: other kinds of layers, heads that differ
/// from layer to layer, encoders, an architecture that nobody understood.
[[nodiscard]] AttentionShape attention_shape(const Model& model, const Runtime& runtime,
                                             const Allowed& allowed);

/// The width of the widest feed-forward, of all experts that one token uses together.
[[nodiscard]] std::int64_t feed_forward_width(const Model& model);

}  // namespace membudget
