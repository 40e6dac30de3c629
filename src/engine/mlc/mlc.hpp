// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/footprint.hpp"

namespace membudget::mlc {

/// What MLC-LLM holds when the settings' tokens are in use.
[[nodiscard]] Footprint footprint(const Model& model, const Runtime& runtime,
                                  const Settings& settings);

}  // namespace membudget::mlc
