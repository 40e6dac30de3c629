// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace membudget {

/// What others call a model: each runtime finds it by a name of its own. Empty = not known.
struct ModelNames {
  std::string file;    ///< Path of the GGUF, as the user wrote it.
  std::string folder;  ///< Path of a folder with safetensors, as the user wrote it.
  std::string ollama;  ///< Tag of Ollama's library, of this quantization: "qwen2.5-coder:32b".
  /// The tag follows from how Ollama's library names its tags; nobody has looked whether it exists.
  bool ollama_inferred = false;
  std::string gguf_repository;  ///< On Hugging Face, of a GGUF upload: "ORG/REPO".
  std::string title;            ///< The publisher's own: "Qwen2.5-Coder-32B-Instruct".
};

}  // namespace membudget
#pragma GCC visibility pop
