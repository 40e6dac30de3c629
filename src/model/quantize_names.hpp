// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace membudget {

/// What a tensor is for, as far as llama-quantize tells tensors apart by name.
enum class TensorRole : std::uint8_t {
  token_embd,
  output,
  attn_q,
  attn_k,
  attn_v,  ///< Also attn_qkv and attn_kv_b, which llama-quantize counts and treats alike.
  attn_output,
  ffn_up,
  ffn_gate,
  ffn_down,
  other,
};

/// The type in which conversion to GGUF writes a matrix, before any quantization.
enum class ConvertedAs : std::uint8_t {
  asked,  ///< The type the conversion was asked for, F16 as a rule.
  f32,    ///< Always F32: norms, routers, convolutions, small coefficients.
  bf16,
  i32,
  mxfp4,
};

/// What a tensor's name says about its type.
struct NamedTraits {
  TensorRole role = TensorRole::other;
  bool quantizable = false;  ///< If it has two or more dimensions.
  ConvertedAs converted_as = ConvertedAs::asked;
};

/// Reads traits from names, each suffix once: layers repeat the same dozen names.
class NameReader {
 public:
  explicit NameReader(std::string_view architecture) : architecture_(architecture) {}

  /// `name` must outlive the reader; `layer` as of TensorTable::layer_of.
  [[nodiscard]] NamedTraits read(std::string_view name, std::int64_t layer);

 private:
  struct Known {
    std::string_view suffix;
    NamedTraits traits;
  };

  std::string_view architecture_;
  std::vector<Known> known_;
  std::size_t next_ = 0;  // The successor of the last suffix: layers list them in one order.
};

}  // namespace membudget
