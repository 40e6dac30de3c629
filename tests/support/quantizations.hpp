// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "model/quantization.hpp"

namespace membudget::test {

/// The file type of llama-quantize with this name ("Q4_K_M", "Q4_K"), from the compiled-in
/// profiles. Throws Error{unknown_name}.
[[nodiscard]] const FileType& file_type(std::string_view name);

/// The same of a format of mlx-lm ("4bit").
[[nodiscard]] const MlxFormat& mlx_format(std::string_view name);

/// The same of MLC-LLM or coremltools ("q4f16_1"); nullptr where the name is another kind's.
[[nodiscard]] const GroupedFormat* grouped_format(std::string_view name);

}  // namespace membudget::test
