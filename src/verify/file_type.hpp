// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "membudget/engine_log.hpp"
#include "membudget/profiles.hpp"

namespace membudget::logs {

/// A file type as llama.cpp prints it (llama_ftype_name, src/llama-model-loader.cpp) by its usual
/// name: "Q4_K - Medium" is "Q4_K_M", "IQ3_S mix - 3.66 bpw" "IQ3_M", "mostly Q8_0" "Q8_0".
[[nodiscard]] std::string name_of_file_type(std::string_view printed);

/// "Qwen3-8B" of "Qwen3-8B-Q4_K_M" and of "Qwen3-8B.UD-Q4_K_XL-00001-of-00002".
[[nodiscard]] std::string_view without_file_type(std::string_view file);

/// The quantization that a log names, as printed or in the file's name; empty when it names none
/// that is known.
[[nodiscard]] std::string quantization_of(const LoggedModel& model, const Profiles& profiles);

}  // namespace membudget::logs
