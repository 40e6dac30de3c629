// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "membudget/tensor.hpp"

namespace membudget::test {

/// GGUF's numbers for the types of metadata values.
enum class GgufType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

template <class T>
constexpr GgufType gguf_type() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return GgufType::u8;
  if constexpr (std::is_same_v<T, std::int8_t>) return GgufType::i8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return GgufType::u16;
  if constexpr (std::is_same_v<T, std::int16_t>) return GgufType::i16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return GgufType::u32;
  if constexpr (std::is_same_v<T, std::int32_t>) return GgufType::i32;
  if constexpr (std::is_same_v<T, float>) return GgufType::f32;
  if constexpr (std::is_same_v<T, bool>) return GgufType::boolean;
  if constexpr (std::is_same_v<T, std::uint64_t>) return GgufType::u64;
  if constexpr (std::is_same_v<T, std::int64_t>) return GgufType::i64;
  if constexpr (std::is_same_v<T, double>) return GgufType::f64;
}

/// Writes GGUF headers for tests: right ones by default, wrong ones on request. Tensor data is
/// never written; files get its size as a hole.
///
///   GgufWriter gguf;
///   gguf.set("general.architecture", "llama").set("llama.block_count", std::uint32_t{2});
///   gguf.add_tensor("token_embd.weight", {64, 100}, ElementType::f16);
///   gguf.write(file);
class GgufWriter {
 public:
  explicit GgufWriter(std::uint32_t version = 3) : version_(version) {}

  /// A number or truth, stored as the C++ type it is given as.
  template <class T>
  requires std::is_arithmetic_v<T> GgufWriter& set(std::string_view key, T value) {
    begin_pair(key, gguf_type<T>());
    append(pairs_, value);
    return *this;
  }
  GgufWriter& set(std::string_view key, std::string_view value);
  GgufWriter& set(std::string_view key, const char* value) {
    return set(key, std::string_view(value));
  }
  template <class T>
  requires std::is_arithmetic_v<T> GgufWriter& set_array(std::string_view key,
                                                         const std::vector<T>& values) {
    begin_array(key, gguf_type<T>(), values.size());
    for (const T value : values) {
      append(pairs_, value);
    }
    return *this;
  }
  GgufWriter& set_array(std::string_view key, const std::vector<std::string>& values);
  /// A key whose type and value are the caller's to get wrong.
  GgufWriter& set_raw(std::string_view key, std::uint32_t type, std::string_view value);
  /// Also sets `general.alignment`; before any tensor.
  GgufWriter& set_alignment(std::uint32_t alignment);

  /// At the next offset that the alignment allows.
  GgufWriter& add_tensor(std::string_view name, std::initializer_list<std::int64_t> shape,
                         ElementType type);
  /// All of them, in their order, with new offsets.
  GgufWriter& add_tensors(std::span<const Tensor> tensors);
  /// An entry whose fields are the caller's to get wrong.
  GgufWriter& add_raw_tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                             std::uint32_t type, std::uint64_t offset);

  /// Counts to write in place of the true ones.
  GgufWriter& claim_tensors(std::uint64_t count);
  GgufWriter& claim_pairs(std::uint64_t count);

  /// Magic, counts, metadata and tensor table.
  [[nodiscard]] std::string header() const;
  /// The header, padded to where the data starts.
  [[nodiscard]] std::string padded_header() const;
  /// Bytes of tensor data the header announces, each tensor padded.
  [[nodiscard]] std::int64_t data_size() const { return next_offset_; }

  /// A file of full size, its data a hole; `cut` bytes less at the end.
  void write(const std::filesystem::path& file, std::int64_t cut = 0) const;

  /// A u64 length and the bytes, as the format stores strings.
  [[nodiscard]] static std::string encoded(std::string_view text);
  /// The bytes of a number.
  template <class T>
  [[nodiscard]] static std::string bytes_of(T value) {
    std::string bytes;
    append(bytes, value);
    return bytes;
  }

 private:
  template <class T>
  static void append(std::string& bytes, T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void begin_pair(std::string_view key, GgufType type);
  void begin_array(std::string_view key, GgufType type, std::size_t length);

  std::uint32_t version_;
  std::int64_t alignment_ = 32;
  std::string pairs_;
  std::uint64_t pair_count_ = 0;
  std::string tensors_;
  std::uint64_t tensor_count_ = 0;
  std::int64_t next_offset_ = 0;
  std::optional<std::uint64_t> claimed_pairs_;
  std::optional<std::uint64_t> claimed_tensors_;
};

}  // namespace membudget::test
