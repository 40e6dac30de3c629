// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace membudget {

/// The longest context that is planned, in tokens of all slots: llama.cpp's are 32 bits wide.
inline constexpr std::int64_t most_context = (std::int64_t{1} << 31) - 1;

}  // namespace membudget
