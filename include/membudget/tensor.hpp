// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// How the elements of a tensor are stored: ggml's types, by ggml's names; MLX's, which are `bits`
/// per weight and a scale (affine: also a bias) of 16 bits for every group; and those of MLC-LLM
/// and Core ML, whole numbers with a scale for every group.
enum class ElementType : std::uint8_t {
  // clang-format off
  f32, f16, bf16, f64, i8, i16, i32, i64,
  q4_0, q4_1, q5_0, q5_1, q8_0, q8_1, q1_0, q2_0,
  q2_k, q3_k, q4_k, q5_k, q6_k, q8_k,
  iq1_s, iq1_m, iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s, iq4_nl, iq4_xs,
  tq1_0, tq2_0, mxfp4, nvfp4,
  mlx2_g32, mlx2_g64, mlx2_g128, mlx3_g32, mlx3_g64, mlx3_g128, mlx4_g32, mlx4_g64, mlx4_g128,
  mlx5_g32, mlx5_g64, mlx5_g128, mlx6_g32, mlx6_g64, mlx6_g128, mlx8_g32, mlx8_g64, mlx8_g128,
  mxfp8,
  int4_g32, int4_g32_f32, int3_g40,
  // clang-format on
};

/// The block format of a type (ggml.c, type_traits, llama.cpp b10587).
struct ElementFormat {
  std::string_view name;        ///< As llama.cpp prints it in upper case: "Q4_K".
  std::int64_t block_elements;  ///< Elements that share one block; rows are whole blocks.
  std::int64_t block_bytes;
  int ggml_id;  ///< The number that a GGUF tensor table holds; -1 = ggml has it not.
  bool quantized;
};

/// How values of a type are stored; every type has a format.
[[nodiscard]] const ElementFormat& format_of(ElementType type);
/// The type with GGUF number `ggml_id`; nullopt for numbers ggml does not define.
[[nodiscard]] std::optional<ElementType> element_type_of_ggml(std::uint32_t ggml_id);
/// Case-insensitive: "q8_0", "Q8_0". nullopt when unknown.
[[nodiscard]] std::optional<ElementType> element_type_of_name(std::string_view name);

/// Bytes of a row of `elements`; throws Error{invalid_model} when the row is not whole blocks.
[[nodiscard]] Bytes row_size(ElementType type, std::int64_t elements);

/// One weight as a GGUF tensor table lists it.
struct Tensor {
  std::string name;
  std::array<std::int64_t, 4> shape{1, 1, 1, 1};  ///< ne0 (contiguous) first, as ggml.
  ElementType type = ElementType::f32;
  /// Of the data, from the start of the data section, in bytes.
  std::int64_t offset = 0;

  /// Product of the shape. Throws Error{overflow}.
  [[nodiscard]] std::int64_t elements() const;
  /// Of its data, without alignment. Throws as row_size(), and Error{overflow}.
  [[nodiscard]] Bytes size() const;
  /// Dimensions that are not a trailing 1; a vector has 1.
  [[nodiscard]] int dimensions() const;
};

}  // namespace membudget
#pragma GCC visibility pop
