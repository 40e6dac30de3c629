// SPDX-License-Identifier: MIT
#include "source/hf_config.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "membudget/error.hpp"

namespace membudget {
namespace {

using nlohmann::json;

// Deeper than any config, and shallow enough that nothing grows out of hand.
constexpr int deepest = 16;

/// The next piece of `text` up to `separator`, which is taken off.
std::string_view take(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const std::string_view piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return piece;
}

const json* descend(const json& from, std::string_view path) {
  const json* value = &from;
  while (!path.empty()) {
    const std::string key(take(path, '.'));
    if (!value->is_object()) {
      return nullptr;
    }
    const auto found = value->find(key);
    if (found == value->end() || found->is_null()) {
      return nullptr;
    }
    value = &*found;
  }
  return value;
}

}  // namespace

HfConfig::HfConfig(std::string where, std::string_view text) : where_(std::move(where)) {
  bool too_deep = false;
  const auto shallow = [&](int depth, json::parse_event_t event, json&) {
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    too_deep = too_deep || (opens && depth >= deepest);
    return !too_deep;
  };
  try {
    root_ = std::make_unique<json>(json::parse(text, shallow));
  } catch (const json::parse_error& error) {
    throw Error(Errc::invalid_model, fmt::format("{}@{:#x}", where_, error.byte),
                "is not JSON; download the file again");
  } catch (const json::out_of_range&) {
    throw Error(Errc::invalid_model, where_, "holds a number beyond every range");
  }
  if (too_deep || !root_->is_object()) {
    throw Error(Errc::invalid_model, fmt::format("{}#", where_),
                "is not a model's config; an object of settings is expected");
  }
  // Multimodal models keep the language model's settings in an object of their own.
  for (const char* part : {"llm_config", "text_config", "thinker_config"}) {
    const auto inner = root_->find(part);
    if (inner == root_->end() || !inner->is_object()) {
      continue;
    }
    const json own = inner->contains("text_config") && (*inner)["text_config"].is_object()
                         ? (*inner)["text_config"]
                         : *inner;
    for (const auto& [key, value] : own.items()) {
      // The class is that of the whole, unless the part names another.
      if (!value.is_null()) {
        (*root_)[key] = value;
      }
    }
  }
}

HfConfig::~HfConfig() = default;
HfConfig::HfConfig(HfConfig&&) noexcept = default;
HfConfig& HfConfig::operator=(HfConfig&&) noexcept = default;

void HfConfig::fail(std::string_view key, const std::string& problem) const {
  std::string pointer = fmt::format("/{}", key);
  for (char& c : pointer) {
    c = c == '.' ? '/' : c;
  }
  throw Error(Errc::invalid_model, fmt::format("{}#{}", where_, pointer), problem);
}

std::string HfConfig::class_name() const {
  const json* list = find("architectures");
  if (list != nullptr && list->is_array() && !list->empty() && list->front().is_string()) {
    return list->front().get<std::string>();
  }
  fail("architectures", "names no model class; without it the model cannot be understood");
}

const json* HfConfig::find(std::string_view keys) const {
  while (!keys.empty()) {
    if (const json* value = descend(*root_, take(keys, '|')); value != nullptr) {
      return value;
    }
  }
  return nullptr;
}

std::optional<std::int64_t> HfConfig::whole(std::string_view keys) const {
  const json* value = find(keys);
  if (value == nullptr) {
    return std::nullopt;
  }
  const std::string_view key = keys.substr(0, keys.find('|'));
  // Beyond 2^40 nothing is a size of a model, and products of three would overflow.
  constexpr double most = 1099511627776.0;
  if (!value->is_number() || value->get<double>() < 0 || value->get<double>() > most) {
    fail(key, "must be a whole number from 0 to 2^40");
  }
  return value->is_number_float() ? static_cast<std::int64_t>(value->get<double>())
                                  : value->get<std::int64_t>();
}

std::optional<double> HfConfig::number(std::string_view keys) const {
  const json* value = find(keys);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_number()) {
    fail(keys.substr(0, keys.find('|')), "must be a number");
  }
  return value->get<double>();
}

std::optional<std::string> HfConfig::text(std::string_view keys) const {
  const json* value = find(keys);
  return value != nullptr && value->is_string() ? std::optional(value->get<std::string>())
                                                : std::nullopt;
}

std::vector<std::string> HfConfig::texts(std::string_view keys) const {
  std::vector<std::string> out;
  if (const json* value = find(keys); value != nullptr && value->is_array()) {
    for (const json& each : *value) {
      out.push_back(each.is_string() ? each.get<std::string>() : "");
    }
  }
  return out;
}

bool HfConfig::truth(std::string_view keys) const {
  const json* value = find(keys);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::int64_t HfConfig::need(std::string_view keys) const {
  if (const auto value = whole(keys)) {
    return *value;
  }
  fail(keys.substr(0, keys.find('|')), "is missing, and this model's class needs it");
}

}  // namespace membudget
