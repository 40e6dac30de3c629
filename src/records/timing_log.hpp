// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "membudget/record.hpp"

namespace membudget {

/// Reads the timings that llama.cpp logs after each request, line by line. Requests of several
/// slots may be interleaved where lines name them ("slot print_timing: id  0 | task 12 | ...", or
/// in older builds once before lines without a name; tools/server/server-context.cpp at b10587,
/// src/llama-context.cpp for llama-cli).
class TimingLog {
 public:
  explicit TimingLog(const Record& known) : known_(&known) {}

  /// Whether the line was one of timings. A request enters `out` with its "eval time".
  bool take(std::string_view line, RecordImport& out);
  /// Requests were found, but neither the log nor the caller says of which model.
  [[nodiscard]] bool without_model() const { return without_model_; }

 private:
  struct Timing {
    double milliseconds = 0;
    std::int64_t tokens = 0;
  };
  static bool read_timing(std::string_view text, Timing& out);
  void finish(const std::string& request, const Timing& eval, RecordImport& out);

  const Record* known_;
  std::map<std::string, Timing, std::less<>> prompts_;    // By request, until it is generated.
  std::map<std::string, std::size_t, std::less<>> done_;  // Index of its record.
  bool without_model_ = false;
};

/// "Q4_K_M" of "qwen2 7B Q4_K - Medium", as llama.cpp describes a model; empty when it is none.
[[nodiscard]] std::string quantization_of_description(std::string_view description);

}  // namespace membudget
