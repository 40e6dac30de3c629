// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/tensor.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A LoRA adapter: for each weight W that it changes, two small matrices of which B·A is added to W
/// (llama-adapter.cpp, llama.cpp b10587).
struct Adapter {
  std::string name;          ///< Of its file, for messages.
  std::string architecture;  ///< Of the model it was made for; empty where the file does not say.
  /// In file order: "blk.0.attn_q.weight.lora_a" and "....lora_b".
  std::vector<Tensor> tensors;
};

/// A direction per layer that is added to the hidden state (llama-adapter.cpp, llama.cpp b10587).
struct ControlVector {
  std::string name;            ///< Of its file, for messages.
  std::int64_t embedding = 0;  ///< Elements per layer: must be the model's own.
};

/// What turns images or sound into embeddings for the model: a model of its own (tools/mtmd,
/// llama.cpp b10587).
struct Projector {
  std::string name;  ///< Of its file, for messages.
  /// clip.vision.projector_type, else clip.projector_type: "gemma3", "qwen3vl_merger"; empty when
  /// there is no vision in it.
  std::string vision;
  std::string audio;              ///< The same of clip.audio; empty when there is none.
  std::int64_t image_size = 0;    ///< Edge in pixels that the encoder was made for.
  std::int64_t patch_size = 0;    ///< Edge of what becomes one token of the encoder.
  std::int64_t embedding = 0;     ///< n_embd of the vision encoder.
  std::int64_t feed_forward = 0;  ///< n_ff of the vision encoder.
  std::int64_t heads = 0;
  std::int64_t layers = 0;
  std::int64_t projection = 0;  ///< Elements of what the model gets per token.
  /// Layers between which attention sees the whole image, not a window of it (Qwen2.5-VL); 0 = all.
  std::int64_t full_attention_every = 0;
  std::int64_t window_size = 0;  ///< Edge of such a window in pixels.
  std::int64_t merge = 0;  ///< Patches per edge that become one of the model's tokens; 0 = default.
  std::vector<Tensor> tensors;

  /// Of its tensors, each padded as the engine's buffer pads them.
  [[nodiscard]] Bytes weights() const;
};

}  // namespace membudget
#pragma GCC visibility pop
