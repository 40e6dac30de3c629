// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace membudget::fuzz {

/// Hands any bytes to one of the readers and checks what must hold of the answer. Returns when all
/// of it does, ends the process when something does not.
struct Target {
  std::string_view name;  ///< "gguf"
  void (*run)(std::string_view input);
  /// The most memory that one input may take beyond its own bytes: a fixed part, and this much for
  /// every byte of it.
  std::int64_t memory = 0;
  std::int64_t memory_per_byte = 0;
};

[[nodiscard]] std::span<const Target> targets();
/// nullptr when there is none of this name.
[[nodiscard]] const Target* find_target(std::string_view name);

/// Runs a target on an input, and holds its memory against its limit.
void run(const Target& target, std::string_view input);

/// Inputs to start from, by the writers of the tests.
[[nodiscard]] std::vector<std::string> seeds_of(std::string_view target);

// The targets; what their inputs look like stands in their files.
void capi(std::string_view input);
void gguf(std::string_view input);
void safetensors(std::string_view input);
void config(std::string_view input);
void profile(std::string_view input);
void log(std::string_view input);
void ollama(std::string_view input);
void http(std::string_view input);
void record(std::string_view input);
void readings(std::string_view input);
void modelfile(std::string_view input);
void words(std::string_view input);

}  // namespace membudget::fuzz
