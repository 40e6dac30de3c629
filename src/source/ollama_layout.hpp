// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "membudget/units.hpp"
#include "source/gguf.hpp"

namespace membudget {

/// What Ollama's own converter wrote into a file that llama.cpp's would not have.
struct OllamaLayout {
  /// `general.architecture` as the file has it; empty when llama.cpp loads the file as it is.
  std::string architecture;
  /// Of the vision tower and what leads from it into the model, which Ollama loads as a projector.
  Bytes projector;
  /// What the file states of itself: block_count, the most attention.head_count and the fewest
  /// attention.head_count_kv of any layer. Ollama reckons with these.
  std::int64_t layers = 0;
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;
  /// Some weights are computed from those in the file, so Ollama reads the file instead of mapping
  /// it.
  bool transforms = false;
};

/// Puts a header into the layout that llama.cpp loads, as Ollama does in memory with the files that
/// it published before it took llama.cpp's: other names of architectures, keys and tensors, the
/// vision tower in the same file, layers for drafting under names of their own
/// (llama/compat/llama-ollama-compat.cpp, translate_metadata, Ollama 0.33.0). Only what memory
/// depends on is translated, and laguna not, which nothing here describes. Tensors that the text
/// model does not load leave the list; where the others lie stays as it is.
/// Throws Error{invalid_model} for a key of a type or size that no converter writes and for tensors
/// that would share a name, Error{overflow}.
[[nodiscard]] OllamaLayout translate_ollama_layout(Gguf& gguf);

}  // namespace membudget
