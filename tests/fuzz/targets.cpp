// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdio>

#include "fuzz/checks.hpp"
#include "fuzz/memory.hpp"
#include "fuzz/target.hpp"

namespace membudget::fuzz {
namespace {

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;

constexpr std::array<Target, 12> all{{
    {"capi", capi, 64 * mebibyte, 1024},
    {"config", config, 64 * mebibyte, 1024},
    {"gguf", gguf, 64 * mebibyte, 1024},
    {"http", http, 64 * mebibyte, 1024},
    {"log", log, 64 * mebibyte, 1024},
    {"modelfile", modelfile, 64 * mebibyte, 1024},
    {"ollama", ollama, 64 * mebibyte, 1024},
    {"profile", profile, 64 * mebibyte, 1024},
    {"readings", readings, 64 * mebibyte, 1024},
    {"record", record, 64 * mebibyte, 1024},
    {"safetensors", safetensors, 4 * mebibyte, 256},
    {"words", words, 64 * mebibyte, 1024},
}};

}  // namespace

std::span<const Target> targets() {
  return all;
}

const Target* find_target(std::string_view name) {
  const auto* found =
      std::find_if(all.begin(), all.end(), [&](const Target& each) { return each.name == name; });
  return found == all.end() ? nullptr : found;
}

void run(const Target& target, std::string_view input) {
  const MemoryWatch watch;
  target.run(input);
  const std::int64_t most =
      target.memory + target.memory_per_byte * static_cast<std::int64_t>(input.size());
  if (watch.peak() > most) {
    std::fprintf(stderr, "%lld bytes of memory for an input of %zu bytes\n",
                 static_cast<long long>(watch.peak()), input.size());
  }
  require(watch.peak() <= most, "memory is bounded by the input");
}

}  // namespace membudget::fuzz
