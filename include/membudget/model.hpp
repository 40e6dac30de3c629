// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "membudget/tensor.hpp"

namespace membudget {

/// Softmax attention that remembers keys and values of every token it may look back at.
struct Attention {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t key_dim = 0;    ///< Per head, in elements.
  std::int64_t value_dim = 0;  ///< Per head, in elements.
  /// Tokens the layer looks back at; 0 means the whole context.
  std::int64_t window = 0;
  bool rope = true;           ///< Rotary positions on queries and keys.
  bool scaled_query = false;  ///< Queries are scaled after the rotation (phi3).
  /// Queries are multiplied by a per-token temperature (Llama 4, Ministral 3).
  bool temperature = false;
};

/// What a layer mixes tokens with. monostate: nothing, the layer is a feed-forward only.
using Mixer = std::variant<std::monostate, Attention>;

/// How the gate and the up projection of a feed-forward meet.
enum class Gating : std::uint8_t {
  none,   ///< One projection, then an activation.
  split,  ///< Two tensors, `ffn_gate` and `ffn_up`.
  fused,  ///< One tensor of twice the width, `ffn_up` (phi3).
};

/// Two or three matrix multiplications that every token passes.
struct DenseFeedForward {
  std::int64_t width = 0;  ///< n_ff.
  Gating gating = Gating::split;
};

using FeedForward = std::variant<std::monostate, DenseFeedForward>;

/// One transformer block. Layers are listed one by one, never as a count and a pattern,
/// because runtimes allocate per layer and models differ from layer to layer.
struct Layer {
  Mixer mixer;
  FeedForward feed_forward;
  bool residual_scaled = false;  ///< Both branches are scaled before they are added (granite).
  bool residual_first = false;   ///< The sum is residual + branch, not branch + residual (phi3).
};

/// The weights of a model, found by layer and name.
class TensorTable {
 public:
  TensorTable() = default;
  /// Takes tensors in file order, offsets included.
  /// Throws Error{invalid_model} when a name appears twice.
  explicit TensorTable(std::vector<Tensor> tensors);
  // The index holds views into the tensors' names, so a copy builds its own.
  TensorTable(const TensorTable& other);
  TensorTable& operator=(const TensorTable& other);
  TensorTable(TensorTable&&) noexcept = default;
  TensorTable& operator=(TensorTable&&) noexcept = default;
  ~TensorTable() = default;

  [[nodiscard]] std::span<const Tensor> all() const { return tensors_; }
  /// The tensor called `name` outside the layers ("output.weight"), or nullptr.
  [[nodiscard]] const Tensor* find(std::string_view name) const;
  /// The tensor `blk.<layer>.<suffix>` ("attn_q.weight"), or nullptr.
  [[nodiscard]] const Tensor* find(std::int64_t layer, std::string_view suffix) const;
  /// The layer a tensor belongs to; -1 for tensors outside the layers.
  [[nodiscard]] static std::int64_t layer_of(std::string_view tensor_name);

  /// Sum of the tensors' own bytes, without alignment.
  [[nodiscard]] Bytes total() const;
  /// From the first to the last byte of tensor data, with the alignment between tensors.
  [[nodiscard]] Bytes data_size() const;
  [[nodiscard]] std::int64_t parameters() const;

 private:
  using Entry = std::pair<std::string_view, std::size_t>;
  void index();

  std::vector<Tensor> tensors_;
  std::vector<std::vector<Entry>> by_layer_;  // [layer + 1], sorted
};

/// Where a model's description comes from; decides how much it can be trusted.
enum class ModelSource : std::uint8_t { catalog, gguf, safetensors, ollama, hf };

/// A model as memory planning sees it: what each layer is and what it must remember.
struct Model {
  std::string id;            ///< As the user named it, or the catalog's id.
  std::string architecture;  ///< As GGUF `general.architecture`: "qwen2".
  std::string quantization;  ///< The file type by name ("Q4_K_M"); empty when not stated.
  ModelSource source = ModelSource::catalog;
  std::int64_t trained_context = 0;  ///< In tokens; 0 when the file does not say.
  std::int64_t embedding = 0;        ///< n_embd, in elements.
  std::int64_t vocabulary = 0;       ///< In tokens.
  std::int64_t experts = 0;
  std::int64_t experts_used = 0;
  /// For rotary tables that depend on the context (longrope): beyond it the long table is used.
  std::int64_t original_context = 0;
  bool embedding_scaled = false;  ///< The token embedding is multiplied by a constant.
  bool logits_scaled = false;     ///< The logits are multiplied by a constant.
  std::vector<Layer> layers;
  TensorTable tensors;
  /// Set when the architecture is unknown: which key was not understood. Every part that
  /// rests on a guess is then marked `assumed`.
  std::string not_understood;
};

[[nodiscard]] std::string_view to_string(ModelSource source);

}  // namespace membudget
