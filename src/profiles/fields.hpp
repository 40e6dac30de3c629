// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace membudget {

/// Parses the text of a profile. Refuses what strict JSON refuses and a key that stands twice.
/// Throws Error{invalid_profile} with `file:line:column`, or `file#/pointer` for the key.
[[nodiscard]] nlohmann::json parse_profile(const std::string& file, std::string_view text);

/// The members of one JSON object of a profile, taken one by one. What nobody took is a
/// mistake of the file's author, which finish() reports.
///
/// Every fault is an Error{invalid_profile} whose where() is `file#/json/pointer`.
/// Views the JSON value, which must outlive it.
class Fields {
 public:
  Fields(const nlohmann::json& value, std::string file, std::string pointer = "");

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] bool has(std::string_view key) const;

  /// The forms without `_or_none` fault when the key is missing.
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::optional<std::string> text_or_none(std::string_view key);
  [[nodiscard]] std::int64_t whole(std::string_view key, std::int64_t least);
  [[nodiscard]] std::optional<std::int64_t> whole_or_none(std::string_view key, std::int64_t least);
  [[nodiscard]] double positive(std::string_view key);
  [[nodiscard]] bool flag(std::string_view key);
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);
  /// Empty when the key is missing.
  [[nodiscard]] std::vector<std::string> texts_or_none(std::string_view key);
  [[nodiscard]] Fields object(std::string_view key);
  [[nodiscard]] std::vector<Fields> objects(std::string_view key);

  /// Every key of the object with its value; counts as taken.
  [[nodiscard]] const nlohmann::json::object_t& members();

  /// Faults on the first key that was never asked for, and says which one was meant.
  void finish() const;
  /// Faults at `key`.
  [[noreturn]] void fail(std::string_view key, const std::string& problem) const;

 private:
  [[nodiscard]] const nlohmann::json& take(std::string_view key);
  [[nodiscard]] const nlohmann::json* take_or_none(std::string_view key);
  [[nodiscard]] std::string pointer_to(std::string_view key) const;
  [[noreturn]] void fail_at(const std::string& pointer, const std::string& problem) const;

  const nlohmann::json* value_;
  std::string file_;
  std::string pointer_;
  std::vector<std::string> asked_;
};

}  // namespace membudget
