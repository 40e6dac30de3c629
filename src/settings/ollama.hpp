// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/ollama.hpp"
#include "membudget/settings.hpp"

namespace membudget::settings {

/// A plan as Ollama can be told to run it.
struct OllamaRun {
  std::int64_t num_ctx = 0;  ///< Per slot.
  std::int64_t slots = 1;
  std::int64_t num_batch = 512;               ///< Both -b and -ub.
  ElementType cache_type = ElementType::f16;  ///< Of K and V.
  FlashAttention flash_attention = FlashAttention::automatic;
  std::int64_t num_gpu = -1;
  bool mmap = true;

  bool context_is_default = false;
  bool batch_is_default = false;
  bool mmap_is_default = false;
  /// What Ollama cannot do as planned, sentence by sentence; empty when it does exactly that.
  std::vector<std::string> notes;

  /// The llama-server options that Ollama makes of it (ollama llm/llama_server.go, 0.33).
  [[nodiscard]] Workload workload() const;
};

[[nodiscard]] OllamaRun ollama_run(const PlannedRun& run);

}  // namespace membudget::settings
