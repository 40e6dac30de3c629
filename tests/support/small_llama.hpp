// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "support/gguf_writer.hpp"

namespace membudget::test {

/// A Llama of one layer in Q8_0 that can be loaded and planned.
[[nodiscard]] GgufWriter small_llama(std::uint32_t vocabulary = 1000);

}  // namespace membudget::test
