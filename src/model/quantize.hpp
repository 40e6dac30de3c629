// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "membudget/model.hpp"
#include "model/arch/arch.hpp"
#include "model/quantization.hpp"

namespace membudget {

/// Whether llama-quantize is given an importance matrix, which moves some types a little.
enum class ImportanceMatrix : std::uint8_t {
  /// Only for file types that llama-quantize does not write without one (IQ3_XS and
  /// smaller, Q2_K_S), so that every file type means files that exist.
  when_required,
  absent,  ///< As `llama-quantize --dry-run` plans it, also where the real run would refuse.
  present,
};

/// Gives every tensor of a model the type `llama-quantize` assigns it for a file type, in the order
/// in which it writes them, with offsets (llama.cpp b10587, src/llama-quant.cpp). F32, F16 and BF16
/// mean the file that conversion to GGUF writes. Experts published in MXFP4 are quantized as if
/// they were F16 (--allow-requantize).
/// Throws Error{bad_request} where llama-quantize itself fails on this model.
[[nodiscard]] TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                                   const FileType& file_type,
                                   ImportanceMatrix matrix = ImportanceMatrix::when_required);

/// The same for a folder of mlx-lm: matrices whose rows are whole groups get the format's type,
/// routers 8 bits, everything else stays in 16 (mlx-lm 0.32.0, mlx_lm/utils.py:867-879 and the
/// models' quant_predicate). Throws Error{bad_request} when mixed bits are asked for a model
/// without down projections, as mlx-lm does.
[[nodiscard]] TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                                   const MlxFormat& format);

/// The same of MLC-LLM or coremltools: a row's last group may hold fewer weights than the others.
/// MLC-LLM keeps the routers of experts as floats (mlc-llm 79d603f0,
/// python/mlc_llm/quantization/group_quantization.py and utils.py is_moe_gate).
[[nodiscard]] TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                                   const GroupedFormat& format);

/// Whether llama-quantize refuses to write these tensors as `file_type` without an importance
/// matrix.
[[nodiscard]] bool needs_importance_matrix(const TensorTable& tensors, const FileType& file_type);

}  // namespace membudget
