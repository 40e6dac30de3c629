// SPDX-License-Identifier: MIT
#pragma once

#include <regex>
#include <string>

namespace membudget {

/// The left side of an --override-tensor, which llama.cpp hands to std::regex (b10587,
/// common/arg.cpp, parse_tensor_buffer_overrides). Patterns come with requests, so that one on
/// which std::regex would recurse without end or try every way to match must not hold up who asks.
class TensorPattern {
 public:
  /// Throws Error (bad_request at --override-tensor) for what is no regular expression, and for
  /// what is larger than any that names tensors.
  explicit TensorPattern(const std::string& text);

  /// Whether a part of the name matches. Throws Error (bad_request) where the C++ library gives the
  /// search up, as libc++ does after too many steps.
  [[nodiscard]] bool is_in(const std::string& name) const;

 private:
  std::string text_;
  std::regex regex_;
};

}  // namespace membudget
