// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace membudget {

/// Bytes; what is longer is no record, and is not kept while its end is looked for.
inline constexpr std::size_t longest_line = std::size_t{1} << 20;

/// Beyond any context or run, and small enough that sums of a few cannot overflow.
inline constexpr std::int64_t most_tokens = std::int64_t{1} << 40;

}  // namespace membudget
