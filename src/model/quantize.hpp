// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "model/arch/arch.hpp"

namespace membudget {

/// Gives every tensor of a model the type `llama-quantize` assigns it for a file type
/// ("Q4_K_M"), in the order in which it writes them, with offsets (llama.cpp b10587,
/// src/llama-quant.cpp). Throws Error{unknown_name} for a file type it does not offer and
/// Error{bad_request} where llama-quantize itself fails on this model.
[[nodiscard]] TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                                   std::string_view file_type);

/// The file types this build knows, by llama-quantize's names.
[[nodiscard]] std::vector<std::string> quantization_names();

}  // namespace membudget
