// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace membudget::test {

/// What an engine knows when it writes a log; numbers as it prints them. Empty or 0: the engine
/// does not print it.
struct LogFacts {
  std::int64_t build = 0;
  std::string gpu = "Apple M1 Max";
  std::string working_set;  // "22906.50", in MB of 10^6 bytes
  std::string path;
  std::string name;
  std::string architecture;
  std::string file_type;
  std::string parameters;  // "8.03 B"
  std::string file_size;   // "4.58 GiB"
  std::int64_t layers = 0;
  std::int64_t embedding = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t feed_forward = 0;
  std::int64_t vocabulary = 0;
  std::int64_t trained_context = 0;
  std::int64_t experts = 0;
  std::vector<std::pair<std::string, std::int64_t>> tensors;  // "q4_K", 193
  std::int64_t context = 0;
  std::int64_t batch = 0;
  std::int64_t ubatch = 0;
  std::int64_t parallel = 0;
  std::int64_t outputs = 0;
  std::int64_t rollback = 0;
  bool unified = false;
  std::string flash_attention = "auto";
  std::string cache_type_k = "f16";
  std::string cache_type_v = "f16";
  std::int64_t offloaded = 0;  // Of layers + 1.
  /// Device and size in MiB: "MTL0_Mapped", "4685.30".
  std::vector<std::pair<std::string, std::string>> weights;
  std::vector<std::pair<std::string, std::string>> caches;
  std::vector<std::pair<std::string, std::string>> states;
  std::vector<std::pair<std::string, std::string>> compute;
  std::string output;
  /// Device and the numbers of its row.
  std::vector<std::pair<std::string, std::vector<std::string>>> breakdown;
  std::string fit_projected;
  std::string fit_free;
};

/// Formats of llama.cpp's lines, by the build that has them (read in the repository at these).
enum class LogFormat : std::uint8_t {
  november_2023,  // b1500
  april_2024,     // b2600
  january_2025,   // b4500
  october_2025,   // b6700
  february_2026,  // b8000
  august_2026,    // b10587
};

inline constexpr LogFormat all_formats[] = {LogFormat::november_2023, LogFormat::april_2024,
                                            LogFormat::january_2025,  LogFormat::october_2025,
                                            LogFormat::february_2026, LogFormat::august_2026};

/// The format a build writes; of 0 the newest.
[[nodiscard]] LogFormat format_of_build(std::int64_t build);

/// Llama 3.1 8B in Q4_K_M at 8192 tokens on 32 GB, as build 10587 prints it.
[[nodiscard]] LogFacts llama_8b_facts();

/// The whole of what llama-server, or llama-cli with `server` false, writes from its start to its
/// end, with the lines in between that say nothing about memory.
[[nodiscard]] std::string llama_log(const LogFacts& facts, LogFormat format, bool server = true);

/// Each line with something in front: of journald, docker compose, the engine's own clock, or
/// llama-server's router.
[[nodiscard]] std::string prefixed(const std::string& text, const std::string& prefix);

/// Every other line coloured, as on a terminal.
[[nodiscard]] std::string coloured(const std::string& text);

/// Lines of several logs in turn: one of each, until all are through.
[[nodiscard]] std::string interleaved(const std::vector<std::string>& texts);

}  // namespace membudget::test
