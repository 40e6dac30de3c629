// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/units.hpp"
#include "source/gguf.hpp"

namespace membudget {

/// Whether a name starts with one of several prefixes.
[[nodiscard]] bool starts_with_one(std::string_view name,
                                   std::span<const std::string_view> prefixes);

/// Changes a header that was read: what the architecture, keys and tensors are called, and which
/// tensors there are. Where data lies in the file stays as it is.
class GgufEditor {
 public:
  using Prefixes = std::span<const std::string_view>;

  explicit GgufEditor(Gguf& gguf);

  [[nodiscard]] Metadata& metadata() { return gguf_.metadata; }
  [[nodiscard]] std::span<Tensor> tensors() { return gguf_.tensors; }
  /// Whether a name or a shape was altered, a key set or a tensor removed: what llama.cpp, which
  /// looks for the new ones, would not have loaded.
  [[nodiscard]] bool changed() const { return changed_; }

  /// A key of the architecture's own: "block_count" becomes "gemma3.block_count".
  [[nodiscard]] std::string key(std::string_view own) const;
  /// Whether there is such a key, an array that was skipped included.
  [[nodiscard]] bool has(std::string_view own) const;
  /// A string as it stands in the file; empty when there is none.
  [[nodiscard]] std::string_view text(std::string_view full_key) const;
  /// A list of whole numbers; nullptr when there is none.
  [[nodiscard]] const std::vector<std::int64_t>* list(std::string_view own) const;
  /// block_count, but no more than there are tensors, whatever the header says.
  [[nodiscard]] std::int64_t layers() const;
  void rename_architecture(std::string name);
  void set(std::string_view own, Metadata::Value value);
  /// Does not count as a change by itself.
  void set_if_missing(std::string_view own, Metadata::Value value);

  /// Valid until remove_marked().
  [[nodiscard]] Tensor* tensor(std::string_view name);
  [[nodiscard]] bool holds(Prefixes prefixes) const;
  /// Throws Error{invalid_model} when another tensor is called so.
  void rename(Tensor& tensor, std::string name);
  /// Nothing is done where `from` is missing or `to` is there already.
  void rename_if_free(std::string_view from, std::string to);
  /// In every tensor's name, once. Throws as rename().
  void replace(std::string_view part, std::string_view with);
  /// Of an array whose elements were skipped: how many there are.
  void cut_array(std::string_view full_key, std::int64_t length);
  void reshape(Tensor& tensor, std::size_t dimension, std::int64_t extent);
  /// Makes one tensor of `count` like `into`, along a dimension, and calls it `name`.
  /// Throws as rename(), and Error{overflow}.
  void stack(Tensor& into, std::size_t dimension, std::int64_t count, std::string name);
  /// Marks tensors that are to leave the list.
  void remove(std::string name);
  void remove(Prefixes prefixes);
  void remove_marked();

 private:
  Gguf& gguf_;
  bool changed_ = false;
  std::map<std::string, std::size_t, std::less<>> index_;  // of the tensors, by name
  std::vector<std::string> marked_;
};

}  // namespace membudget
