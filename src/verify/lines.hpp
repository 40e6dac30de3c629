// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

#include "verify/load_builder.hpp"
#include "verify/log_line.hpp"

namespace membudget::logs {

/// Each reads a line that its program may have written; false when it is none of its lines.

/// llama.cpp's, of every build since November 2023 (the lines' texts: src/llama.cpp and
/// examples/main/main.cpp until 2024, src/llama-*.cpp, common/fit.cpp and
/// ggml/src/ggml-metal/ggml-metal-device.m up to b10587).
[[nodiscard]] bool read_llama_line(std::string_view text, LoadBuilder& builder);

/// Ollama's structured lines (llm/memory.go and server.go until November 2025, ml/device.go until
/// May 2026, llm/llama_server.go since 0.30).
[[nodiscard]] bool read_ollama_line(std::string_view text, LoadBuilder& builder);

/// mlx-lm's (mlx_lm/generate.py and benchmark.py).
[[nodiscard]] bool read_mlx_line(std::string_view text, LoadBuilder& builder);

/// A command as a shell shows it or Ollama prints it: `llama-server -m x.gguf -c 8192`. Its
/// options become settings. False when no word names a program that is known.
[[nodiscard]] bool read_command(std::string_view text, LoadBuilder& builder);

}  // namespace membudget::logs
