// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "membudget/model.hpp"
#include "membudget/profiles.hpp"
#include "source/model_files.hpp"

namespace membudget {

/// Whether the files are a model in the layout of Hugging Face or MLX: `config.json` beside
/// `*.safetensors`.
[[nodiscard]] bool is_checkpoint(const ModelFiles& files);

/// Reads config.json and the headers of the safetensors files, never their data.
///
/// Model::checkpoint holds what is stored, to the byte. Model::tensors is the GGUF made of it: the
/// one that llama-quantize writes for `quantization` ("Q4_K_M"), or, when that is empty, the
/// 16-bit file of conversion itself; Model::notes says which.
/// Throws Error{io} naming shards that the index lists and that are missing, Error{unsupported}
/// naming a model class that is not known, Error{unknown_name} for a quantization,
/// Error{invalid_model}, Error{truncated} as the readers.
[[nodiscard]] Model read_checkpoint(const ModelFiles& files, std::string id,
                                    std::string_view quantization, const Profiles& profiles);

}  // namespace membudget
