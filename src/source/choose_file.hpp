// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/model_files.hpp"

namespace membudget {

/// Whether `file` is named for a quantization: "Qwen2.5-7B-Instruct-Q4_K_M.gguf" for "q4_k_m".
[[nodiscard]] bool names_quantization(std::string_view file, std::string_view quantization);

/// The models among the files, one entry for each: the .gguf files without projectors, and of a
/// split only its first part.
[[nodiscard]] std::vector<std::string> gguf_models(const ModelFiles& files);

/// The .gguf that `wanted` means: a file's name or a quantization; when empty, the only one, else
/// the one in Q4_K_M, else the first, as llama-server -hf chooses.
/// Throws Error{unknown_name} that lists what there is.
[[nodiscard]] std::string choose_gguf(const ModelFiles& files, std::string_view wanted);

}  // namespace membudget
