// SPDX-License-Identifier: MIT
#include "membudget/tensor.hpp"

#include <fmt/format.h>

#include <cctype>

#include "ascii.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

// Block sizes and numbers: ggml/src/ggml.c (type_traits) and ggml/include/ggml.h (ggml_type),
// llama.cpp b10587. In the order of ElementType.
constexpr std::array<ElementFormat, 57> formats{{
    {"F32", 1, 4, 0, false},
    {"F16", 1, 2, 1, false},
    {"BF16", 1, 2, 30, false},
    {"F64", 1, 8, 28, false},
    {"I8", 1, 1, 24, false},
    {"I16", 1, 2, 25, false},
    {"I32", 1, 4, 26, false},
    {"I64", 1, 8, 27, false},
    {"Q4_0", 32, 18, 2, true},
    {"Q4_1", 32, 20, 3, true},
    {"Q5_0", 32, 22, 6, true},
    {"Q5_1", 32, 24, 7, true},
    {"Q8_0", 32, 34, 8, true},
    {"Q8_1", 32, 36, 9, true},
    {"Q1_0", 128, 18, 41, true},
    {"Q2_0", 64, 18, 42, true},
    {"Q2_K", 256, 84, 10, true},
    {"Q3_K", 256, 110, 11, true},
    {"Q4_K", 256, 144, 12, true},
    {"Q5_K", 256, 176, 13, true},
    {"Q6_K", 256, 210, 14, true},
    {"Q8_K", 256, 292, 15, true},
    {"IQ1_S", 256, 50, 19, true},
    {"IQ1_M", 256, 56, 29, true},
    {"IQ2_XXS", 256, 66, 16, true},
    {"IQ2_XS", 256, 74, 17, true},
    {"IQ2_S", 256, 82, 22, true},
    {"IQ3_XXS", 256, 98, 18, true},
    {"IQ3_S", 256, 110, 21, true},
    {"IQ4_NL", 32, 18, 20, true},
    {"IQ4_XS", 256, 136, 23, true},
    {"TQ1_0", 256, 54, 34, true},
    {"TQ2_0", 256, 66, 35, true},
    {"MXFP4", 32, 17, 39, true},
    {"NVFP4", 64, 36, 40, true},
    // mlx 846d1762 python/src/ops.cpp:4712-4721.
    {"2bit-g32", 32, 12, -1, true},
    {"2bit-g64", 64, 20, -1, true},
    {"2bit-g128", 128, 36, -1, true},
    {"3bit-g32", 32, 16, -1, true},
    {"3bit-g64", 64, 28, -1, true},
    {"3bit-g128", 128, 52, -1, true},
    {"4bit-g32", 32, 20, -1, true},
    {"4bit-g64", 64, 36, -1, true},
    {"4bit-g128", 128, 68, -1, true},
    {"5bit-g32", 32, 24, -1, true},
    {"5bit-g64", 64, 44, -1, true},
    {"5bit-g128", 128, 84, -1, true},
    {"6bit-g32", 32, 28, -1, true},
    {"6bit-g64", 64, 52, -1, true},
    {"6bit-g128", 128, 100, -1, true},
    {"8bit-g32", 32, 36, -1, true},
    {"8bit-g64", 64, 68, -1, true},
    {"8bit-g128", 128, 132, -1, true},
    {"MXFP8", 32, 33, -1, true},
    // Groups with a scale of 16 bits, or of 32 in models of F32. Ten 3-bit numbers fill a word of
    // 32 bits (mlc-llm 79d603f0 python/mlc_llm/quantization/quantization.py,
    // group_quantization.py).
    {"INT4-G32", 32, 18, -1, true},
    {"INT4-G32-F32", 32, 20, -1, true},
    {"INT3-G40", 40, 18, -1, true},
}};

}  // namespace

const ElementFormat& format_of(ElementType type) {
  return formats[static_cast<std::size_t>(type)];
}

std::optional<ElementType> element_type_of_ggml(std::uint32_t ggml_id) {
  for (std::size_t i = 0; i < formats.size(); ++i) {
    if (formats[i].ggml_id >= 0 && static_cast<std::uint32_t>(formats[i].ggml_id) == ggml_id) {
      return static_cast<ElementType>(i);
    }
  }
  return std::nullopt;
}

std::optional<ElementType> element_type_of_name(std::string_view name) {
  for (std::size_t i = 0; i < formats.size(); ++i) {
    if (equal_ignoring_case(formats[i].name, name)) {
      return static_cast<ElementType>(i);
    }
  }
  return std::nullopt;
}

Bytes row_size(ElementType type, std::int64_t elements) {
  const ElementFormat& format = format_of(type);
  if (elements % format.block_elements != 0) {
    throw Error(Errc::invalid_model, "",
                fmt::format("a row of {} elements is not whole blocks of {} ({} elements each)",
                            elements, format.name, format.block_elements));
  }
  return Bytes{checked_multiply(elements / format.block_elements, format.block_bytes)};
}

std::int64_t Tensor::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    product = checked_multiply(product, extent);
  }
  return product;
}

Bytes Tensor::size() const {
  const std::int64_t rows = checked_multiply(checked_multiply(shape[1], shape[2]), shape[3]);
  return row_size(type, shape[0]) * rows;
}

int Tensor::dimensions() const {
  for (int i = 3; i > 0; --i) {
    if (shape[static_cast<std::size_t>(i)] != 1) {
      return i + 1;
    }
  }
  return 1;
}

}  // namespace membudget
