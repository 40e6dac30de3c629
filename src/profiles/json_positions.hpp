// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace membudget {

/// Where the members of a JSON text stand. Only messages need it, so it is made when there is one:
/// the JSON library keeps no positions.
class JsonPositions {
 public:
  /// Offsets in the text. Elements of arrays and the document itself have no key: both are equal.
  struct Place {
    std::size_t key = 0;
    std::size_t value = 0;
  };
  /// Where the text stops being JSON, and what to do about it.
  struct Break {
    std::size_t offset = 0;
    std::string problem;
  };
  /// A key that its object holds already.
  struct Repeated {
    std::string pointer;  ///< Of the object.
    std::string key;
    std::size_t offset = 0;
  };

  /// Reads up to the first break.
  explicit JsonPositions(std::string_view text);

  /// nullptr where the text has no such member.
  [[nodiscard]] const Place* find(const std::string& pointer) const;
  [[nodiscard]] const std::vector<Repeated>& repeated() const { return repeated_; }
  /// Numbers and escapes are not looked into, so a text without a break may still be invalid.
  [[nodiscard]] const std::optional<Break>& first_break() const { return break_; }

 private:
  bool read_value(const std::string& pointer, std::size_t key, int depth);
  bool read_object(const std::string& pointer, int depth);
  bool read_array(const std::string& pointer, int depth);
  bool read_member(const std::string& pointer, std::set<std::string>& seen, int depth);
  bool read_string();
  bool read_word();
  /// After a value: true when another one follows, false at `end` or a break.
  bool read_comma(char end, std::size_t opened);
  void skip_space();
  [[nodiscard]] char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool stop(std::size_t offset, std::string problem);

  std::string_view text_;
  std::size_t at_ = 0;
  std::map<std::string, Place> places_;
  std::vector<Repeated> repeated_;
  std::optional<Break> break_;
};

/// How deep profiles may be nested; no honest one comes near it.
inline constexpr int deepest_json = 32;

/// `key` as one step of a JSON pointer (RFC 6901).
[[nodiscard]] std::string pointer_step(std::string_view key);

}  // namespace membudget
