// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/tensor.hpp"
#include "profiles/faults.hpp"

namespace membudget {

/// The members of one JSON object of a profile, taken one by one. What nobody took is a mistake of
/// the file's author, which finish() reports.
///
/// A fault is noted and reading goes on, so that one run shows all of them: what is missing or
/// wrong reads as a harmless value, and sound() tells rules over several members whether they have
/// anything to judge. Views the JSON value, which must outlive it.
class Fields {
 public:
  Fields(const nlohmann::json& value, Faults& faults, std::string pointer = "");

  [[nodiscard]] const std::string& file() const { return faults_->file(); }
  [[nodiscard]] bool has(std::string_view key) const;
  /// The same of a key that may be missing: finish() knows it either way.
  [[nodiscard]] bool has_optional(std::string_view key);
  /// Whether these members stand there and had no fault so far.
  [[nodiscard]] bool sound(std::initializer_list<std::string_view> keys) const;

  /// The forms without `_or_none` fault when the key is missing.
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::optional<std::string> text_or_none(std::string_view key);
  /// `least` when there is a fault.
  [[nodiscard]] std::int64_t whole(std::string_view key, std::int64_t least);
  [[nodiscard]] std::optional<std::int64_t> whole_or_none(std::string_view key, std::int64_t least);
  /// 1 when there is a fault.
  [[nodiscard]] double positive(std::string_view key);
  [[nodiscard]] std::optional<double> positive_or_none(std::string_view key);
  /// A number from `least` to `most`.
  [[nodiscard]] std::optional<double> number_or_none(std::string_view key, double least,
                                                     double most);
  /// Above 0 and at most the whole, 1.
  [[nodiscard]] double share(std::string_view key);
  /// "q8_0"; f16 when there is a fault.
  [[nodiscard]] ElementType cache_type(std::string_view key);
  [[nodiscard]] bool flag(std::string_view key);
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);
  /// The same with at least one text.
  [[nodiscard]] std::vector<std::string> some_texts(std::string_view key);
  /// Empty when the key is missing.
  [[nodiscard]] std::vector<std::string> texts_or_none(std::string_view key);
  /// The text, which must be one of `choices`; empty when there is a fault.
  [[nodiscard]] std::string one_of(std::string_view key,
                                   std::initializer_list<std::string_view> choices);
  [[nodiscard]] Fields object(std::string_view key);
  [[nodiscard]] std::vector<Fields> objects(std::string_view key);
  /// Empty when the key is missing.
  [[nodiscard]] std::vector<Fields> objects_or_none(std::string_view key);

  /// Every key of the object with its value; counts as taken.
  [[nodiscard]] const nlohmann::json::object_t& members();

  /// Notes every key that is missing, and every one that was never asked for with the one that was
  /// meant. Each object that is read ends with it.
  void finish();
  /// Notes a fault of the value of `key`.
  void fail(std::string_view key, const std::string& problem);
  /// ... or of one element of it.
  void fail_item(std::string_view key, std::size_t index, const std::string& problem);

 private:
  [[nodiscard]] const nlohmann::json* take(std::string_view key);
  [[nodiscard]] const nlohmann::json* take_or_none(std::string_view key);
  [[nodiscard]] std::string pointer_to(std::string_view key) const;

  const nlohmann::json* value_ = nullptr;  // An empty object where there is none to read.
  Faults* faults_;
  std::string pointer_;
  bool mute_ = false;  // Nothing is here to read; that was noted before.
  std::vector<std::string> asked_;
  std::vector<std::string> missing_;
  std::set<std::string, std::less<>> faulty_;
};

}  // namespace membudget
