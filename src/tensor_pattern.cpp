// SPDX-License-Identifier: MIT
#include "tensor_pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "ascii.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

constexpr std::size_t longest = 4096;
constexpr std::size_t deepest = 32;

[[noreturn]] void refuse(const std::string& problem) {
  throw Error(Errc::bad_request, "--override-tensor", problem);
}

// The larger of the counts in "{2}", "{2,}" or "{2,5}" that begin at `at`, which is moved to the
// closing brace; at least 1.
std::size_t largest_count(std::string_view pattern, std::size_t& at) {
  std::size_t most = 1;
  std::size_t count = 0;
  for (++at; at < pattern.size() && pattern[at] != '}'; ++at) {
    count = is_digit(pattern[at])
                ? std::min(count * 10 + static_cast<std::size_t>(pattern[at] - '0'), longest + 1)
                : 0;
    most = std::max(most, count);
  }
  return most;
}

// std::regex goes as deep into the stack as parentheses are nested and as the pattern is long once
// its repetitions "{n}" are written out, which is how it keeps them.
bool is_too_large(std::string_view pattern) {
  if (pattern.size() > longest) {
    return true;
  }
  // What each open group takes so far; what the piece takes that a count would repeat.
  std::vector<std::size_t> groups{0};
  std::size_t piece = 0;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '(') {
      groups.push_back(0);
      piece = 0;
    } else if (c == ')' && groups.size() > 1) {
      piece = groups.back() + 1;
      groups.pop_back();
      groups.back() += piece;
    } else if (c == '{') {
      const std::size_t more = piece * (largest_count(pattern, at) - 1);
      groups.back() += more;
      piece += more;
    } else {
      if (c == '\\') {
        ++at;
      } else if (c == '[') {
        at = std::min(pattern.find(']', at + 1), pattern.size());
      }
      piece = 1;
      groups.back() += piece;
    }
    if (groups.size() > deepest + 1 || groups.back() > longest) {
      return true;
    }
  }
  return false;
}

// "\\1": what the first group matched. No way to match it is without trying them all.
bool refers_back(std::string_view pattern) {
  for (std::size_t at = 0; at + 1 < pattern.size(); ++at) {
    if (pattern[at] == '\\' && is_digit(pattern[++at]) && pattern[at] != '0') {
      return true;
    }
  }
  return false;
}

// libstdc++ tries every way to match unless it is told to follow all of them at once. libc++ counts
// its steps and throws.
constexpr std::regex::flag_type all_ways_at_once() {
#ifdef __GLIBCXX__
  return std::regex::ECMAScript | std::regex_constants::__polynomial;
#else
  return std::regex::ECMAScript;
#endif
}

std::regex compiled(const std::string& text) {
  if (is_too_large(text)) {
    refuse("the regular expression is longer or deeper nested than any that names tensors");
  }
  if (refers_back(text)) {
    refuse(fmt::format("'{}' refers back to a group, which is not supported; spell it out", text));
  }
  try {
    return std::regex(text, all_ways_at_once());
  } catch (const std::regex_error&) {
    refuse(fmt::format("'{}' is not a regular expression; write e.g. '\\.ffn_.*_exps=CPU'", text));
  }
}

}  // namespace

TensorPattern::TensorPattern(const std::string& text) : text_(text), regex_(compiled(text)) {}

bool TensorPattern::is_in(const std::string& name) const {
  try {
    return std::regex_search(name, regex_);
  } catch (const std::regex_error&) {
    refuse(fmt::format("'{}' takes too many steps to find in {}; write it with fewer '*' and '+'",
                       text_, name));
  }
}

}  // namespace membudget
