// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/footprint.hpp"

namespace membudget::coreml {

/// What a model converted with coremltools for `settings.context` tokens holds on the GPU.
/// Throws Error{unsupported} for models that are not plain attention, Error{bad_request} for
/// weights that Core ML does not read.
[[nodiscard]] Footprint footprint(const Model& model, const Runtime& runtime,
                                  const Settings& settings);

}  // namespace membudget::coreml
