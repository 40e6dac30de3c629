// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace membudget {

/// What a model file or a catalog entry says about a model besides its tensors: GGUF's
/// metadata, with GGUF's keys. Tokenizer arrays are kept as their length only.
class Metadata {
 public:
  using Value = std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>,
                             std::vector<double>>;

  /// `where` names the file (and object) for error messages.
  explicit Metadata(std::string where) : where_(std::move(where)) {}

  void set(std::string key, Value value) {
    values_.insert_or_assign(std::move(key), std::move(value));
  }
  /// Notes that `key` is an array that was skipped, and how many elements it has.
  void set_array_length(std::string key, std::int64_t length) {
    lengths_.insert_or_assign(std::move(key), length);
  }

  /// Takes a key out as if it had not been there.
  void erase(std::string_view full_key);
  /// Calls the architecture `name`; its keys are found under that from then on.
  /// Throws Error{invalid_model} when there is none yet.
  void rename_architecture(std::string name);

  /// Notes where in the file `key` stands, for messages.
  void set_offset(std::string key, std::int64_t offset) {
    offsets_.insert_or_assign(std::move(key), offset);
  }
  /// Where a fault of a key lies, whole or without the architecture: `file@0x1c40` when its offset
  /// is known, else where().
  [[nodiscard]] std::string place_of(std::string_view key) const;

  /// Everything that was set, by key.
  [[nodiscard]] const std::map<std::string, Value, std::less<>>& values() const { return values_; }

  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  /// Elements of an array, kept or skipped; nullopt when there is no such array.
  [[nodiscard]] std::optional<std::int64_t> array_length(std::string_view key) const;

  /// `general.architecture`. Throws Error{invalid_model} when missing.
  [[nodiscard]] const std::string& architecture() const;

  /// Keys below are without the architecture: "block_count" reads "qwen2.block_count".
  /// The forms without a fallback throw Error{invalid_model} naming the missing key; all throw
  /// it when the value has another type or is negative.
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  [[nodiscard]] double real(std::string_view key, double fallback) const;
  [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback) const;
  /// One value per layer: an array of at least `layers` elements, or a scalar for all.
  [[nodiscard]] std::vector<std::int64_t> per_layer(std::string_view key,
                                                    std::int64_t layers) const;
  [[nodiscard]] std::vector<std::int64_t> per_layer(std::string_view key, std::int64_t layers,
                                                    std::int64_t fallback) const;

  /// A key as it stands in the file, e.g. "general.file_type".
  [[nodiscard]] const Value* find(std::string_view full_key) const;

 private:
  [[nodiscard]] const Value* find_own(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& problem) const;

  std::string where_;
  std::map<std::string, Value, std::less<>> values_;
  std::map<std::string, std::int64_t, std::less<>> lengths_;
  std::map<std::string, std::int64_t, std::less<>> offsets_;
};

}  // namespace membudget
