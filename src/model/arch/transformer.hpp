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

/// A required size in heads, channels or the like. Throws Error{invalid_model} when it is missing,
/// 0 or larger than any model's.
[[nodiscard]] std::int64_t read_extent(const Metadata& metadata, std::string_view key);

/// Fills `model` with what all transformers share: sizes and one plain attention and one gated
/// feed-forward per layer. An architecture then changes what differs.
void describe_transformer(const Metadata& metadata, Model& model);

/// The same for models with layer norms.
void describe_layer_norm(const Metadata& metadata, Model& model);

/// ... whose feed-forwards have no gate.
void describe_ungated(const Metadata& metadata, Model& model);

/// Where a model normalises queries and keys, and the shape of the weights.
enum class QueryKeyNorm : std::uint8_t {
  none,
  per_head,      ///< One head's width, shared by all heads (qwen3).
  across_heads,  ///< All heads at once (olmo2).
  each_head,     ///< Own weights for every head (command-r-plus).
};

/// How wide a gate on attention's result is.
enum class AttentionGate : std::uint8_t { none, per_head, per_element };

/// Which tensors the layers of a plain transformer hold, for a catalog entry.
struct Layout {
  std::vector<std::string_view> norms{"attn_norm", "ffn_norm"};
  bool norm_bias = false;
  bool fused_qkv = false;
  bool qkv_bias = false;
  bool attention_bias = false;  ///< On attn_output.
  QueryKeyNorm query_key_norm = QueryKeyNorm::none;
  AttentionGate attention_gate = AttentionGate::none;
  Gating gating = Gating::split;
  bool feed_forward_bias = false;
  bool output = false;  ///< Every file holds `output.weight`.
  bool output_norm = true;
};

/// M-RoPE numbers every token by time, height, width and one more
/// (llama_hparams::n_pos_per_embd).
inline constexpr std::int64_t mrope_axes = 4;

/// For families of which only some models have them (GLM-4.5V, GLM-OCR): those that state how a
/// head's rotation splits into axes (llama_hparams::use_mrope).
void take_rope_axes(const Metadata& metadata, Model& model);

/// Collects the tensors of a catalog model by GGUF's names.
class TensorList {
 public:
  TensorList(const Metadata& metadata, OptionalTensors optional);

  [[nodiscard]] const Dimensions& dimensions() const { return dimensions_; }
  /// Whether the catalog entry lists this optional tensor.
  [[nodiscard]] bool has(std::string_view suffix) const;

  void add(std::string name, std::initializer_list<std::int64_t> shape);
  /// `blk.<layer>.<suffix>`; below 0 a tensor outside the layers.
  void add(std::int64_t layer, std::string_view suffix, std::initializer_list<std::int64_t> shape);
  /// The weight of a matrix multiplication, and its bias where the entry lists "<name>.bias" or
  /// `bias` is set.
  void linear(std::int64_t layer, std::string_view name, std::int64_t in, std::int64_t out,
              bool bias = false);
  /// A norm's weight, and its bias likewise.
  void norm(std::int64_t layer, std::string_view name, std::int64_t width, bool bias = false);

  /// token_embd, output_norm, and output and rotary tables where listed.
  void embedding_and_head(const Layout& layout = {});
  /// The norms of the layout, without those of queries and keys.
  void norms(std::int64_t layer, const Layout& layout = {});
  /// Projections, their output and the norms of queries and keys.
  void attention(std::int64_t layer, const Layout& layout = {});
  void feed_forward(std::int64_t layer, const Layout& layout = {});
  /// All of the above: a transformer whose layers are all alike.
  void transformer(const Layout& layout);

  [[nodiscard]] std::vector<TensorShape> take() { return std::move(shapes_); }

 private:
  Dimensions dimensions_;
  OptionalTensors optional_;
  std::vector<TensorShape> shapes_;
};

/// The tensors of a transformer whose layers are all alike.
[[nodiscard]] std::vector<TensorShape> transformer_tensors(const Metadata& metadata,
                                                           OptionalTensors optional,
                                                           const Layout& layout);

/// Gives layers a sliding window by llama.cpp's pattern (set_swa_pattern, llama-hparams.cpp:9):
/// of every `period` layers the last, or with `full_first` the first, looks at everything.
void slide(Model& model, std::int64_t window, std::int64_t period, bool full_first = false);

/// Gives layers the sliding window where `attention.sliding_window_pattern` says so layer by
/// layer.
void slide_where_listed(const Metadata& metadata, Model& model);

/// `attention.sliding_window_pattern` where it is a number; an array is for other engines.
[[nodiscard]] std::int64_t sliding_period(const Metadata& metadata, std::int64_t fallback);

}  // namespace membudget
