// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "engine/mlc/estimate.hpp"
#include "membudget/footprint.hpp"

namespace membudget::mlc {

/// What MLC-LLM reserves when it loads the model; the cache holds `settings.context` tokens.
/// Throws Error{unsupported} for models it has no definition for, Error{bad_request} for weights it
/// does not read.
[[nodiscard]] Footprint footprint(const Model& model, const Runtime& runtime,
                                  const Settings& settings);

}  // namespace membudget::mlc
