// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace membudget::logs {

/// A line without what other programs put around it.
struct LogLine {
  /// Which of several processes wrote it, where a prefix says so: "ollama[812]", "web-1", "[8081]".
  std::string_view source;
  std::string_view text;
};

/// Takes off terminal colours, what a progress bar wrote over, and the prefixes of journald,
/// docker compose and llama-server's router. The views last until the next call.
class LineCleaner {
 public:
  [[nodiscard]] LogLine clean(std::string_view raw);

 private:
  std::string plain_;
};

[[nodiscard]] bool contains(std::string_view text, std::string_view what);

/// What follows `mark`; empty when it is not there.
[[nodiscard]] std::string_view after(std::string_view text, std::string_view mark);

/// Of a path of any system, what stands behind its folders.
[[nodiscard]] std::string_view file_name(std::string_view path);

/// The name before the colon that ends at `colon`: "load_tensors" of "0.01 I load_tensors: ...".
[[nodiscard]] std::string_view name_before(std::string_view text, std::size_t colon);

/// `key = value` of a line of llama.cpp, without the function in front.
struct Assignment {
  std::string_view function;  ///< "print_info"; may be empty.
  std::string_view key;       ///< "n_ctx_train", "CPU_Mapped model buffer size"
  std::string_view value;     ///< All that follows.
};
/// Of the first '='; an empty key when there is none.
[[nodiscard]] Assignment assignment_of(std::string_view text);

/// The pairs of a structured line: `level=INFO source=sched.go:476 msg="offload to metal"`. Empty
/// unless it has both a level and a msg. Quotes are taken off, escaped ones kept.
class StructuredLine {
 public:
  explicit StructuredLine(std::string_view text);

  [[nodiscard]] bool empty() const { return pairs_.empty(); }
  /// Empty when there is no such key.
  [[nodiscard]] std::string_view value(std::string_view key) const;

 private:
  std::vector<std::pair<std::string_view, std::string_view>> pairs_;
};

}  // namespace membudget::logs
