// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "model/arch/arch.hpp"

namespace membudget {

/// Whether llama-quantize is given an importance matrix, which moves some types a little.
enum class ImportanceMatrix : std::uint8_t {
  /// Only for file types that llama-quantize does not write without one (IQ3_XS and
  /// smaller, Q2_K_S), so that every file type means files that exist.
  when_required,
  absent,  ///< As `llama-quantize --dry-run` plans it, also where the real run would refuse.
  present,
};

/// Gives every tensor of a model the type `llama-quantize` assigns it for a file type
/// ("Q4_K_M"), in the order in which it writes them, with offsets (llama.cpp b10587,
/// src/llama-quant.cpp). F32, F16 and BF16 mean the file that conversion to GGUF writes.
/// Experts published in MXFP4 are quantized as if they were F16 (--allow-requantize).
/// Throws Error{unknown_name} for a file type it does not offer and Error{bad_request} where
/// llama-quantize itself fails on this model.
[[nodiscard]] TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                                   std::string_view file_type,
                                   ImportanceMatrix matrix = ImportanceMatrix::when_required);

/// Whether llama-quantize refuses to write these tensors as `file_type` without an importance
/// matrix. Throws Error{unknown_name} as quantize() does.
[[nodiscard]] bool needs_importance_matrix(const TensorTable& tensors, std::string_view file_type);

/// The file types this build knows, by llama-quantize's names.
[[nodiscard]] std::vector<std::string> quantization_names();

}  // namespace membudget
