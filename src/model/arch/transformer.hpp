// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "model/arch/arch.hpp"

namespace membudget {

/// The numbers nearly every architecture states, as llama.cpp reads them
/// (llama-model.cpp, load_hparams; llama.cpp b10587).
struct Dimensions {
  std::int64_t layers = 0;
  std::int64_t embedding = 0;
  std::int64_t vocabulary = 0;
  std::int64_t key_dim = 0;    ///< Defaults to embedding / heads of the first layer.
  std::int64_t value_dim = 0;  ///< Likewise.
  std::int64_t rotary_dim = 0;
  std::vector<std::int64_t> heads;     ///< Per layer.
  std::vector<std::int64_t> kv_heads;  ///< Per layer; defaults to heads.
  std::vector<std::int64_t> width;     ///< n_ff per layer.
};

/// Throws Error{invalid_model} for counts that no model has (no layers, more than 4096, ...).
[[nodiscard]] Dimensions read_dimensions(const Metadata& metadata);

/// Fills `model` with what all transformers share: sizes and one plain attention and one gated
/// feed-forward per layer. An architecture then changes what differs.
void describe_transformer(const Metadata& metadata, Model& model);

/// Collects the tensors of a catalog model by GGUF's names.
class TensorList {
 public:
  TensorList(const Metadata& metadata, OptionalTensors optional);

  [[nodiscard]] const Dimensions& dimensions() const { return dimensions_; }
  /// Whether the catalog entry lists this optional tensor.
  [[nodiscard]] bool has(std::string_view suffix) const;

  void add(std::string name, std::initializer_list<std::int64_t> shape);
  /// `blk.<layer>.<suffix>`
  void add(std::int64_t layer, std::string_view suffix, std::initializer_list<std::int64_t> shape);
  /// The weight of a matrix multiplication, and its bias where the entry lists "<name>.bias".
  void linear(std::int64_t layer, std::string_view name, std::int64_t in, std::int64_t out);
  /// A norm's weight, and its bias where the entry lists it.
  void norm(std::int64_t layer, std::string_view name, std::int64_t width);

  /// token_embd, output_norm, and output and rotary tables where listed.
  void embedding_and_head();
  /// attn_q, attn_k, attn_v and attn_output.
  void attention(std::int64_t layer);
  /// One attn_qkv instead of three.
  void fused_attention(std::int64_t layer);
  /// ffn_gate, ffn_up and ffn_down.
  void gated_feed_forward(std::int64_t layer);

  [[nodiscard]] std::vector<TensorShape> take() { return std::move(shapes_); }

 private:
  Dimensions dimensions_;
  OptionalTensors optional_;
  std::vector<TensorShape> shapes_;
};

/// The tensors of a plain pre-norm transformer: what `llama` and its kin hold.
[[nodiscard]] std::vector<TensorShape> transformer_tensors(const Metadata& metadata,
                                                           OptionalTensors optional);

}  // namespace membudget
