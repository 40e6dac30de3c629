// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/check.hpp"

namespace membudget {

/// What is wrong with one profile, in the order in which it was found. Views the text, which must
/// outlive it.
class Faults {
 public:
  /// Which part of a member a fault is about.
  enum class At { value, key };

  /// `file` names the file in messages.
  Faults(std::string file, std::string_view text) : file_(std::move(file)), text_(text) {}

  void add(std::string pointer, std::string_view problem, At at = At::value);
  void add_at_offset(std::size_t offset, std::string_view problem);

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] bool empty() const { return faults_.empty(); }
  [[nodiscard]] std::size_t size() const { return faults_.size(); }

  /// Throws the first fault as Error{invalid_profile}: where() is `file#/json/pointer`, or
  /// `file:line:column` where the text is not JSON.
  void throw_first() const;
  /// All faults with their places, in the order of the text.
  [[nodiscard]] std::vector<ProfileFault> located() const;

 private:
  struct Fault {
    std::string pointer;
    std::string problem;
    At at = At::value;
    std::optional<std::size_t> offset = std::nullopt;  ///< Known where there is no pointer.
  };

  std::string file_;
  std::string_view text_;
  std::vector<Fault> faults_;
};

/// Parses the text of a profile. What strict JSON refuses, a key that stands twice in an object,
/// and nesting without end become faults; nullopt when nothing can be read from the text.
[[nodiscard]] std::optional<nlohmann::json> parse_profile(Faults& faults);

}  // namespace membudget
