// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "membudget/tensor.hpp"
#include "membudget/units.hpp"
#include "model/metadata.hpp"
#include "source/byte_source.hpp"
#include "source/model_files.hpp"

namespace membudget {

/// The header of a GGUF file: everything but the tensor data.
struct Gguf {
  std::uint32_t version = 0;    ///< 2 or 3; both have the same layout.
  std::int64_t alignment = 32;  ///< Of each tensor's data, in bytes: `general.alignment`.
  /// Numbers, truths and strings as they stand; arrays of up to 4096 numbers (truths become 0
  /// and 1); of longer arrays and of arrays of strings the length only. A u64 beyond 63 bits
  /// is held at the largest 63-bit number. Strings beyond 1 MiB are left out.
  Metadata metadata;
  /// In file order; offsets are from the start of the data section. In a joined split, the data
  /// sections of the shards follow each other.
  std::vector<Tensor> tensors{};
  /// Where the header lists each of them, in bytes; empty for a joined split.
  std::vector<std::int64_t> places{};
  /// Where the data section starts in the (first) file, in bytes.
  std::int64_t data_offset = 0;
  /// Of all tensors, each padded to the alignment.
  Bytes data_size{};
  /// Tensor data that the header promises and the file does not hold: what a download still
  /// lacks. 0 for a whole file.
  Bytes missing{};
};

/// Reads one header; a shard of a split model gives that shard's tensors.
///
/// What the engine refuses (gguf.cpp, llama.cpp b10587) is refused here; only a file cut between
/// header and data is read and has `missing` bytes. Refused beyond that: control characters in
/// names, truths other than 0 and 1, empty dimensions, more than 2^60 bytes of data.
/// Throws Error{truncated} when the source ends within the header or a count is more than the
/// bytes left can hold, Error{unsupported} for other versions, byte orders and formats,
/// Error{invalid_model} for a header that contradicts the format; where() is `name@0x<offset>`.
[[nodiscard]] Gguf read_gguf(const ByteSource& source);

/// Reads the header of a file and, when it is one shard of a split model, of all its shards,
/// which must lie beside it under the names they were split with. The metadata is that of the
/// first shard. Besides the above, throws Error{io} naming the shards that are missing.
[[nodiscard]] Gguf read_gguf(const std::filesystem::path& file);
/// The same of a file among others, a folder's or a repository's.
[[nodiscard]] Gguf read_gguf(const ModelFiles& files, const std::string& file);

}  // namespace membudget
