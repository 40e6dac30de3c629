// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "membudget/sweep.hpp"

namespace membudget {
namespace {

constexpr std::size_t most_contexts = 1024;
// Beyond any model; keeps doubling and steps far from the end of the integers.
constexpr std::int64_t longest_context_asked = std::int64_t{1} << 40;

[[noreturn]] void refuse_axis(std::string_view option, const std::string& message) {
  throw Error(Errc::bad_request, std::string(option), message);
}

std::string_view without_spaces(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string_view> items_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    out.push_back(without_spaces(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

std::int64_t tokens_of(std::string_view text, std::string_view option) {
  const auto out = parse_tokens(text, option);
  if (out < 1 || out > longest_context_asked) {
    refuse_axis(option,
                fmt::format("'{}' is no context; use 1 to {} tokens", text, longest_context_asked));
  }
  return out;
}

void add_context(std::vector<std::int64_t>& out, std::int64_t tokens, std::string_view option) {
  if (out.size() == most_contexts) {
    refuse_axis(option,
                fmt::format("names more than {} contexts; use a larger step", most_contexts));
  }
  out.push_back(tokens);
}

/// "2k..128k", "2k..32k+2k", "2k.."; `dots` is where the two dots stand.
void add_range(std::vector<std::int64_t>& out, std::string_view item, std::size_t dots,
               std::int64_t trained, std::string_view option) {
  const auto plus = item.find('+', dots);
  const auto last_text =
      item.substr(dots + 2, plus == std::string_view::npos ? plus : plus - dots - 2);
  if (last_text.empty() && trained < 1) {
    refuse_axis(
        option,
        fmt::format("'{}' needs an end: what the model was trained for is not known", item));
  }
  const auto last = last_text.empty() ? trained : tokens_of(last_text, option);
  auto first = tokens_of(item.substr(0, dots), option);
  if (last_text.empty()) first = std::min(first, last);
  if (first > last) refuse_axis(option, fmt::format("'{}' ends before it begins", item));
  const auto step = plus == std::string_view::npos ? 0 : tokens_of(item.substr(plus + 1), option);
  for (auto at = first; at<last; at += step> 0 ? step : at) add_context(out, at, option);
  add_context(out, last, option);
}

}  // namespace

std::vector<std::int64_t> context_axis(std::string_view text, std::int64_t trained,
                                       std::string_view option) {
  std::vector<std::int64_t> out;
  for (const auto item : items_of(text)) {
    if (const auto dots = item.find(".."); dots != std::string_view::npos) {
      add_range(out, item, dots, trained, option);
    } else {
      add_context(out, tokens_of(item, option), option);
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::string> list_axis(std::string_view text, std::string_view option) {
  std::vector<std::string> out;
  for (const auto item : items_of(text)) {
    if (item.empty()) {
      refuse_axis(option, fmt::format("'{}' has an empty item; use a list such as a,b", text));
    }
    if (std::ranges::find(out, item) == out.end()) out.emplace_back(item);
  }
  return out;
}

}  // namespace membudget
