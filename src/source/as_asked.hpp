// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "membudget/model.hpp"

namespace membudget {

/// The model itself: a GGUF is what it is. Throws Error{bad_request} when another quantization is
/// asked of it.
[[nodiscard]] Model as_asked(Model model, std::string_view quantization);

}  // namespace membudget
