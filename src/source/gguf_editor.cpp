// SPDX-License-Identifier: MIT
#include "source/gguf_editor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"

namespace membudget {

bool starts_with_one(std::string_view name, std::span<const std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

GgufEditor::GgufEditor(Gguf& gguf) : gguf_(gguf) {
  for (std::size_t i = 0; i < gguf.tensors.size(); ++i) {
    index_.emplace(gguf.tensors[i].name, i);
  }
}

std::string GgufEditor::key(std::string_view own) const {
  return fmt::format("{}.{}", gguf_.metadata.architecture(), own);
}

bool GgufEditor::has(std::string_view own) const {
  return gguf_.metadata.has(key(own)) || gguf_.metadata.array_length(key(own)).has_value();
}

std::string_view GgufEditor::text(std::string_view full_key) const {
  const Metadata::Value* value = gguf_.metadata.find(full_key);
  const auto* words = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return words == nullptr ? std::string_view() : std::string_view(*words);
}

const std::vector<std::int64_t>* GgufEditor::list(std::string_view own) const {
  const Metadata::Value* value = gguf_.metadata.find(key(own));
  return value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value);
}

std::int64_t GgufEditor::layers() const {
  return std::min(gguf_.metadata.integer("block_count", 0),
                  static_cast<std::int64_t>(gguf_.tensors.size()));
}

void GgufEditor::rename_architecture(std::string name) {
  gguf_.metadata.rename_architecture(std::move(name));
  changed_ = true;
}

void GgufEditor::set(std::string_view own, Metadata::Value value) {
  gguf_.metadata.set(key(own), std::move(value));
  changed_ = true;
}

void GgufEditor::set_if_missing(std::string_view own, Metadata::Value value) {
  if (!has(own)) {
    gguf_.metadata.set(key(own), std::move(value));
  }
}

Tensor* GgufEditor::tensor(std::string_view name) {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &gguf_.tensors[found->second];
}

bool GgufEditor::holds(Prefixes prefixes) const {
  return std::any_of(gguf_.tensors.begin(), gguf_.tensors.end(),
                     [&](const Tensor& each) { return starts_with_one(each.name, prefixes); });
}

void GgufEditor::rename(Tensor& tensor, std::string name) {
  if (name != tensor.name && index_.find(name) != index_.end()) {
    throw Error(Errc::invalid_model, gguf_.metadata.where(),
                fmt::format("the tensors {} and {} are one to the engine; the header is damaged, "
                            "download the file again",
                            in_quotes(tensor.name), in_quotes(name)));
  }
  if (auto entry = index_.extract(tensor.name); !entry.empty()) {
    entry.key() = name;
    index_.insert(std::move(entry));
  }
  tensor.name = std::move(name);
  changed_ = true;
}

void GgufEditor::rename_if_free(std::string_view from, std::string to) {
  if (Tensor* found = tensor(from); found != nullptr && tensor(to) == nullptr) {
    rename(*found, std::move(to));
  }
}

void GgufEditor::replace(std::string_view part, std::string_view with) {
  for (Tensor& each : gguf_.tensors) {
    if (const auto at = each.name.find(part); at != std::string::npos) {
      std::string name = each.name;
      rename(each, name.replace(at, part.size(), with));
    }
  }
}

void GgufEditor::cut_array(std::string_view full_key, std::int64_t length) {
  gguf_.metadata.set_array_length(std::string(full_key), length);
  changed_ = true;
}

void GgufEditor::reshape(Tensor& tensor, std::size_t dimension, std::int64_t extent) {
  tensor.shape[dimension] = extent;
  changed_ = true;
}

void GgufEditor::stack(Tensor& into, std::size_t dimension, std::int64_t count, std::string name) {
  into.shape[dimension] = checked_multiply(into.shape[dimension], count);
  rename(into, std::move(name));
}

void GgufEditor::remove(std::string name) {
  marked_.push_back(std::move(name));
  changed_ = true;
}

void GgufEditor::remove(Prefixes prefixes) {
  for (const Tensor& each : gguf_.tensors) {
    if (starts_with_one(each.name, prefixes)) {
      remove(each.name);
    }
  }
}

void GgufEditor::remove_marked() {
  std::sort(marked_.begin(), marked_.end());
  std::vector<Tensor> tensors;
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < gguf_.tensors.size(); ++i) {
    if (std::binary_search(marked_.begin(), marked_.end(), gguf_.tensors[i].name)) {
      continue;
    }
    tensors.push_back(std::move(gguf_.tensors[i]));
    // A joined split has no places.
    if (i < gguf_.places.size()) {
      places.push_back(gguf_.places[i]);
    }
  }
  gguf_.tensors = std::move(tensors);
  gguf_.places = std::move(places);
  marked_.clear();
  index_.clear();
  for (std::size_t i = 0; i < gguf_.tensors.size(); ++i) {
    index_.emplace(gguf_.tensors[i].name, i);
  }
}

}  // namespace membudget
