// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/model.hpp"
#include "source/byte_source.hpp"

namespace membudget {

/// The header of a .safetensors file: everything but the tensor data.
struct Safetensors {
  std::vector<Checkpoint::Stored> tensors;  ///< In the order of their data.
  /// Tensor data that the header promises and the file does not hold.
  Bytes missing;
};

/// Reads a header (https://github.com/huggingface/safetensors, "Format"): a length, then JSON.
/// Every range is held against the type and shape it belongs to; data must be without gaps and
/// overlaps, as the format demands. Only a file cut after its header is read and has `missing`
/// bytes.
/// Throws Error{truncated} when the source ends within the header, Error{unsupported} for what is
/// no safetensors file, Error{invalid_model} for a header that contradicts the format; where()
/// is `name@0x<offset>`.
[[nodiscard]] Safetensors read_safetensors(const ByteSource& source);

/// Bits of one element of a type by its name in a header ("BF16", "F4"); 0 when unknown.
[[nodiscard]] std::int64_t bits_of_dtype(std::string_view name);

}  // namespace membudget
