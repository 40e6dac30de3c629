// SPDX-License-Identifier: MIT
#include "model/metadata.hpp"

#include <fmt/format.h>

#include "membudget/error.hpp"

namespace membudget {
namespace {

constexpr std::string_view architecture_key = "general.architecture";

template <typename Map>
void move_keys(Map& map, std::string_view from, std::string_view to) {
  std::vector<typename Map::node_type> moved;
  for (auto each = map.lower_bound(from); each != map.end() && each->first.starts_with(from);) {
    moved.push_back(map.extract(each++));
  }
  for (auto& entry : moved) {
    entry.key().replace(0, from.size(), to);
    map.insert(std::move(entry));
  }
}

}  // namespace

void Metadata::erase(std::string_view full_key) {
  const auto take = [&](auto& map) {
    if (const auto found = map.find(full_key); found != map.end()) {
      map.erase(found);
    }
  };
  take(values_);
  take(lengths_);
  take(offsets_);
}

void Metadata::rename_architecture(std::string name) {
  const std::string from = architecture() + ".";
  const std::string to = name + ".";
  move_keys(values_, from, to);
  move_keys(lengths_, from, to);
  move_keys(offsets_, from, to);
  set(std::string(architecture_key), std::move(name));
}

void Metadata::fail(std::string_view key, const std::string& problem) const {
  throw Error(Errc::invalid_model, place_of(key),
              fmt::format("metadata key '{}' {}", key, problem));
}

std::string Metadata::place_of(std::string_view key) const {
  auto found = offsets_.find(key);
  if (found == offsets_.end()) {
    const Value* value = find(architecture_key);
    const auto* name = value == nullptr ? nullptr : std::get_if<std::string>(value);
    found = name == nullptr ? offsets_.end() : offsets_.find(fmt::format("{}.{}", *name, key));
  }
  return found == offsets_.end() ? where_ : fmt::format("{}@{:#x}", where_, found->second);
}

std::optional<std::int64_t> Metadata::array_length(std::string_view key) const {
  if (const auto skipped = lengths_.find(key); skipped != lengths_.end()) {
    return skipped->second;
  }
  const Value* value = find(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(value)) {
    return static_cast<std::int64_t>(integers->size());
  }
  if (const auto* reals = std::get_if<std::vector<double>>(value)) {
    return static_cast<std::int64_t>(reals->size());
  }
  return std::nullopt;
}

const Metadata::Value* Metadata::find(std::string_view full_key) const {
  const auto found = values_.find(full_key);
  return found == values_.end() ? nullptr : &found->second;
}

const Metadata::Value* Metadata::find_own(std::string_view key) const {
  return find(fmt::format("{}.{}", architecture(), key));
}

const std::string& Metadata::architecture() const {
  const Value* value = find(architecture_key);
  const auto* name = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (name == nullptr || name->empty()) {
    fail(architecture_key, "is missing; a GGUF model must name its architecture");
  }
  return *name;
}

std::int64_t Metadata::integer(std::string_view key) const {
  const Value* value = find_own(key);
  if (value == nullptr) {
    fail(fmt::format("{}.{}", architecture(), key), "is missing");
  }
  const auto* number = std::get_if<std::int64_t>(value);
  if (number == nullptr || *number < 0) {
    fail(fmt::format("{}.{}", architecture(), key), "must be a whole number of at least 0");
  }
  return *number;
}

std::int64_t Metadata::integer(std::string_view key, std::int64_t fallback) const {
  return find_own(key) == nullptr ? fallback : integer(key);
}

double Metadata::real(std::string_view key, double fallback) const {
  const Value* value = find_own(key);
  if (value == nullptr) {
    return fallback;
  }
  if (const auto* number = std::get_if<double>(value)) {
    return *number;
  }
  if (const auto* number = std::get_if<std::int64_t>(value)) {
    return static_cast<double>(*number);
  }
  fail(fmt::format("{}.{}", architecture(), key), "must be a number");
}

bool Metadata::boolean(std::string_view key, bool fallback) const {
  const Value* value = find_own(key);
  if (value == nullptr) {
    return fallback;
  }
  const auto* flag = std::get_if<bool>(value);
  if (flag == nullptr) {
    fail(fmt::format("{}.{}", architecture(), key), "must be true or false");
  }
  return *flag;
}

std::string Metadata::text(std::string_view key, std::string_view fallback) const {
  const Value* value = find_own(key);
  if (value == nullptr) {
    return std::string(fallback);
  }
  const auto* words = std::get_if<std::string>(value);
  if (words == nullptr) {
    fail(fmt::format("{}.{}", architecture(), key), "must be a string");
  }
  return *words;
}

std::vector<std::int64_t> Metadata::per_layer(std::string_view key, std::int64_t layers) const {
  const Value* value = find_own(key);
  if (value != nullptr) {
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(value)) {
      if (static_cast<std::int64_t>(list->size()) < layers) {
        fail(fmt::format("{}.{}", architecture(), key),
             fmt::format("has {} elements for {} layers", list->size(), layers));
      }
      for (const std::int64_t element : *list) {
        if (element < 0) {
          fail(fmt::format("{}.{}", architecture(), key), "must not be negative");
        }
      }
      return {list->begin(), list->begin() + layers};
    }
  }
  return std::vector<std::int64_t>(static_cast<std::size_t>(layers), integer(key));
}

std::vector<std::int64_t> Metadata::per_layer(std::string_view key, std::int64_t layers,
                                              std::int64_t fallback) const {
  if (find_own(key) == nullptr) {
    return std::vector<std::int64_t>(static_cast<std::size_t>(layers), fallback);
  }
  return per_layer(key, layers);
}

}  // namespace membudget
