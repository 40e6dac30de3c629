// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/footprint.hpp"

namespace membudget::candle {

/// What Candle holds when it is at its largest: while the prompt is computed, or when the last
/// token was generated. Throws Error{unsupported} for models it has no quantized definition for,
/// Error{bad_request} for tensor types it does not read and for more tokens than it has positions.
[[nodiscard]] Footprint footprint(const Model& model, const Runtime& runtime,
                                  const Settings& settings);

/// What Metal is asked for when Candle needs `size` bytes: the next power of two
/// (candle-core/src/metal_backend/device.rs:352, buf_size).
[[nodiscard]] Bytes buffer_size(Bytes size);

}  // namespace membudget::candle
