// SPDX-License-Identifier: MIT
#include "profiles/json_positions.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace membudget {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// What numbers, true, false and null are made of, and what a missing quote lets stand bare.
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
         c == '-' || c == '.' || c == '_';
}

/// The text of a JSON string with its quotes; a broken escape stays as it is written.
std::string unescaped(std::string_view quoted) {
  const auto value = nlohmann::json::parse(quoted.begin(), quoted.end(), nullptr, false);
  return value.is_string() ? value.get<std::string>()
                           : std::string(quoted.substr(1, quoted.size() - 2));
}

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string out = "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

JsonPositions::JsonPositions(std::string_view text) : text_(text) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  at_ = text_.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  skip_space();
  if (at_ == text_.size() && !break_) {
    stop(0, "the file is empty; a profile is one JSON object");
    return;
  }
  if (!break_ && read_value("", at_, 0)) {
    skip_space();
    if (at_ < text_.size()) {
      stop(at_, "something follows the end of the document; a profile is one JSON object");
    }
  }
}

const JsonPositions::Place* JsonPositions::find(const std::string& pointer) const {
  const auto found = places_.find(pointer);
  return found == places_.end() ? nullptr : &found->second;
}

bool JsonPositions::stop(std::size_t offset, std::string problem) {
  if (!break_) {
    break_ = Break{offset, std::move(problem)};
  }
  return false;
}

void JsonPositions::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) {
    ++at_;
  }
  if (next() == '#' || (next() == '/' && at_ + 1 < text_.size() &&
                        (text_[at_ + 1] == '/' || text_[at_ + 1] == '*'))) {
    stop(at_, "JSON has no comments; remove it or move it to \"notes\"");
  }
}

bool JsonPositions::read_value(const std::string& pointer, std::size_t key, int depth) {
  if (break_) {
    return false;
  }
  places_.emplace(pointer, Place{key, at_});
  if (depth > deepest_json) {
    return stop(at_, fmt::format("nested deeper than {}; no profile is", deepest_json));
  }
  switch (next()) {
    case '{':
      return read_object(pointer, depth);
    case '[':
      return read_array(pointer, depth);
    case '"':
      return read_string();
    case '\'':
      return stop(at_, "JSON strings stand in double quotes; write \"...\"");
    default:
      return read_word();
  }
}

bool JsonPositions::read_word() {
  const std::size_t start = at_;
  while (is_word(next())) {
    ++at_;
  }
  const std::string_view word = text_.substr(start, at_ - start);
  if (start == text_.size()) {
    return stop(start, "the file ends where a value should stand");
  }
  if (word.empty()) {
    return stop(start,
                "a value should stand here: a number, a string, true, false, an object or "
                "an array");
  }
  const bool number = (word.front() >= '0' && word.front() <= '9') || word.front() == '-';
  if (!number && word != "true" && word != "false" && word != "null") {
    return stop(start, fmt::format("'{}' is no JSON value; strings stand in double quotes, and "
                                   "true, false and null in lower case",
                                   word));
  }
  return true;
}

bool JsonPositions::read_string() {
  const std::size_t opened = at_++;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
    at_ += text_[at_] == '\\' ? 2U : 1U;
  }
  if (next() != '"') {
    return stop(opened, "this string is not closed on its line; end it with \"");
  }
  ++at_;
  return true;
}

bool JsonPositions::read_comma(char end, std::size_t opened) {
  const std::size_t value_end = at_;
  skip_space();
  if (break_) {
    return false;
  }
  if (next() == end) {
    ++at_;
    return false;
  }
  if (next() != ',') {
    return at_ == text_.size()
               ? stop(opened, fmt::format("this is never closed; a '{}' is missing", end))
               : stop(value_end, fmt::format("a ',' or '{}' is missing after this value", end));
  }
  const std::size_t comma = at_++;
  skip_space();
  if (break_) {
    return false;
  }
  if (next() == end) {
    return stop(comma, fmt::format("a comma before '{}' is not JSON; remove the comma", end));
  }
  return true;
}

bool JsonPositions::read_array(const std::string& pointer, int depth) {
  const std::size_t opened = at_++;
  skip_space();
  if (next() == ']' && !break_) {
    ++at_;
    return true;
  }
  std::size_t index = 0;
  do {
    if (!read_value(fmt::format("{}/{}", pointer, index++), at_, depth + 1)) {
      return false;
    }
  } while (read_comma(']', opened));
  return !break_;
}

bool JsonPositions::read_member(const std::string& pointer, std::set<std::string>& seen,
                                int depth) {
  const std::size_t start = at_;
  if (next() != '"') {
    return stop(start, "a key in double quotes should stand here");
  }
  if (!read_string()) {
    return false;
  }
  const std::string key = unescaped(text_.substr(start, at_ - start));
  if (!seen.insert(key).second) {
    repeated_.push_back({pointer, key, start});
  }
  const std::size_t key_end = at_;
  skip_space();
  if (break_) {
    return false;
  }
  if (next() != ':') {
    return stop(key_end, fmt::format("a ':' is missing after the key \"{}\"", key));
  }
  ++at_;
  skip_space();
  return read_value(pointer + pointer_step(key), start, depth + 1);
}

bool JsonPositions::read_object(const std::string& pointer, int depth) {
  const std::size_t opened = at_++;
  skip_space();
  if (next() == '}' && !break_) {
    ++at_;
    return true;
  }
  std::set<std::string> seen;
  do {
    if (break_ || !read_member(pointer, seen, depth)) {
      return false;
    }
  } while (read_comma('}', opened));
  return !break_;
}

}  // namespace membudget
