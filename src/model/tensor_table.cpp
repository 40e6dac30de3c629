// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "membudget/error.hpp"
#include "membudget/model.hpp"

namespace membudget {
namespace {

constexpr std::string_view layer_prefix = "blk.";
// Guards the table below against "blk.999999999.x" in a hostile file.
constexpr std::int64_t max_layers = 4096;

struct SplitName {
  std::int64_t layer = -1;
  std::string_view rest;
};

SplitName split(std::string_view name) {
  if (!name.starts_with(layer_prefix)) {
    return {.layer = -1, .rest = name};
  }
  const std::string_view tail = name.substr(layer_prefix.size());
  std::int64_t layer = 0;
  const auto [end, error] = std::from_chars(tail.data(), tail.data() + tail.size(), layer);
  const auto used = static_cast<std::size_t>(end - tail.data());
  if (error != std::errc{} || used >= tail.size() || tail[used] != '.' || layer < 0 ||
      layer >= max_layers) {
    return {.layer = -1, .rest = name};
  }
  return {.layer = layer, .rest = tail.substr(used + 1)};
}

}  // namespace

TensorTable::TensorTable(std::vector<Tensor> tensors, std::int64_t alignment)
    : tensors_(std::move(tensors)), alignment_(alignment) {
  index();
}

TensorTable::TensorTable(const TensorTable& other)
    : TensorTable(other.tensors_, other.alignment_) {}

TensorTable& TensorTable::operator=(const TensorTable& other) {
  if (this != &other) {
    *this = TensorTable(other);
  }
  return *this;
}

void TensorTable::index() {
  by_layer_.assign(1, {});
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const SplitName name = split(tensors_[i].name);
    const auto slot = static_cast<std::size_t>(name.layer + 1);
    if (slot >= by_layer_.size()) {
      by_layer_.resize(slot + 1);
    }
    by_layer_[slot].emplace_back(name.rest, i);
  }
  for (std::vector<Entry>& entries : by_layer_) {
    std::sort(entries.begin(), entries.end());
    const auto twice =
        std::adjacent_find(entries.begin(), entries.end(),
                           [](const Entry& a, const Entry& b) { return a.first == b.first; });
    if (twice != entries.end()) {
      throw Error(Errc::invalid_model, "",
                  fmt::format("the tensor '{}' is listed twice", tensors_[twice->second].name));
    }
  }
}

const Tensor* TensorTable::find(std::string_view name) const {
  return find(-1, name);
}

const Tensor* TensorTable::find(std::int64_t layer, std::string_view suffix) const {
  const auto slot = static_cast<std::size_t>(layer + 1);
  if (slot >= by_layer_.size()) {
    return nullptr;
  }
  const std::vector<Entry>& entries = by_layer_[slot];
  const auto found = std::lower_bound(
      entries.begin(), entries.end(), suffix,
      [](const Entry& entry, std::string_view wanted) { return entry.first < wanted; });
  return found != entries.end() && found->first == suffix ? &tensors_[found->second] : nullptr;
}

std::int64_t TensorTable::layer_of(std::string_view tensor_name) {
  return split(tensor_name).layer;
}

std::string_view TensorTable::suffix_of(std::string_view tensor_name) {
  return split(tensor_name).rest;
}

Bytes TensorTable::total() const {
  Bytes sum;
  for (const Tensor& tensor : tensors_) {
    sum += tensor.size();
  }
  return sum;
}

Bytes TensorTable::data_size() const {
  Bytes end;
  for (const Tensor& tensor : tensors_) {
    end = std::max(end, Bytes{tensor.offset} + Bytes{round_up(tensor.size().count(), alignment_)});
  }
  return end;
}

std::int64_t TensorTable::parameters() const {
  std::int64_t sum = 0;
  for (const Tensor& tensor : tensors_) {
    sum = checked_add(sum, tensor.elements());
  }
  return sum;
}

Bytes Checkpoint::total() const {
  Bytes sum;
  for (const Stored& tensor : tensors) {
    sum += tensor.size;
  }
  return sum;
}

bool is_mlx(const Model& model) {
  if (model.checkpoint && model.checkpoint->bits > 0) {
    return true;
  }
  const auto all = model.tensors.all();
  return std::any_of(all.begin(), all.end(),
                     [](const Tensor& tensor) { return format_of(tensor.type).ggml_id < 0; });
}

const std::string& file_architecture(const Model& model) {
  return model.ollama_architecture.empty() ? model.architecture : model.ollama_architecture;
}

Bytes file_bytes(const Model& model) {
  if (model.file > Bytes{}) {
    return model.file;
  }
  return model.header + model.tensors.data_size() + model.beside + model.drafting;
}

std::int64_t parameters_of(const Model& model) {
  if (model.parameters > 0) {
    return model.parameters;
  }
  std::int64_t sum = 0;
  for (const Tensor& tensor : model.tensors.all()) {
    sum = checked_add(sum, tensor.name.starts_with("rope_") ? 0 : tensor.elements());
  }
  return sum;
}

std::string_view to_string(ModelSource source) {
  switch (source) {
    case ModelSource::catalog:
      return "catalog";
    case ModelSource::gguf:
      return "gguf";
    case ModelSource::safetensors:
      return "safetensors";
    case ModelSource::ollama:
      return "ollama";
    case ModelSource::hf:
      return "hf";
  }
  return "";
}

}  // namespace membudget
