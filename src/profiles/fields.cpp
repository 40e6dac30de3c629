// SPDX-License-Identifier: MIT
#include "profiles/fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "ascii.hpp"
#include "membudget/nearest.hpp"
#include "profiles/json_positions.hpp"

namespace membudget {
namespace {

using nlohmann::json;

const json& nothing() {
  static const json object = json::object();
  return object;
}

std::string kind_of(const json& value) {
  if (value.is_number_float()) {
    return "a fraction";
  }
  return value.is_null() ? "null"
                         : fmt::format("{} {}", value.is_array() || value.is_object() ? "an" : "a",
                                       value.type_name());
}

/// A value as messages quote it: whole when short.
std::string quoted(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  constexpr std::size_t longest = 40;
  return text.size() <= longest ? text : kind_of(value);
}

}  // namespace

Fields::Fields(const json& value, Faults& faults, std::string pointer)
    : value_(&value), faults_(&faults), pointer_(std::move(pointer)) {
  if (!value.is_object()) {
    faults_->add(pointer_, fmt::format("must be an object, not {}", quoted(value)));
    value_ = &nothing();
    mute_ = true;
  }
}

std::string Fields::pointer_to(std::string_view key) const {
  return pointer_ + pointer_step(key);
}

void Fields::fail(std::string_view key, const std::string& problem) {
  faulty_.emplace(key);
  if (!mute_) {
    faults_->add(pointer_to(key), problem);
  }
}

void Fields::fail_item(std::string_view key, std::size_t index, const std::string& problem) {
  faulty_.emplace(key);
  if (!mute_) {
    faults_->add(fmt::format("{}/{}", pointer_to(key), index), problem);
  }
}

bool Fields::has(std::string_view key) const {
  return value_->contains(std::string(key));
}

bool Fields::has_optional(std::string_view key) {
  asked_.emplace_back(key);
  return has(key);
}

bool Fields::sound(std::initializer_list<std::string_view> keys) const {
  return std::all_of(keys.begin(), keys.end(), [&](std::string_view key) {
    return has(key) && faulty_.find(key) == faulty_.end();
  });
}

const json* Fields::take_or_none(std::string_view key) {
  asked_.emplace_back(key);
  const auto found = value_->find(asked_.back());
  return found == value_->end() ? nullptr : &*found;
}

const json* Fields::take(std::string_view key) {
  const json* value = take_or_none(key);
  if (value == nullptr) {
    missing_.emplace_back(key);
  }
  return value;
}

std::string Fields::text(std::string_view key) {
  const json* value = take(key);
  if (value == nullptr) {
    return {};
  }
  if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
    fail(key, fmt::format("must be a string that is not empty, not {}", quoted(*value)));
    return {};
  }
  return value->get<std::string>();
}

std::optional<std::string> Fields::text_or_none(std::string_view key) {
  return has_optional(key) ? std::optional(text(key)) : std::nullopt;
}

std::int64_t Fields::whole(std::string_view key, std::int64_t least) {
  const json* value = take(key);
  if (value == nullptr) {
    return least;
  }
  const bool fits = value->is_number_integer() &&
                    !(value->is_number_unsigned() &&
                      value->get<std::uint64_t>() >
                          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits || value->get<std::int64_t>() < least) {
    fail(key, fmt::format("must be a whole number of at least {}, not {}", least, quoted(*value)));
    return least;
  }
  return value->get<std::int64_t>();
}

std::optional<std::int64_t> Fields::whole_or_none(std::string_view key, std::int64_t least) {
  return has_optional(key) ? std::optional(whole(key, least)) : std::nullopt;
}

double Fields::positive(std::string_view key) {
  const json* value = take(key);
  if (value != nullptr && value->is_number() && value->get<double>() > 0) {
    return value->get<double>();
  }
  if (value != nullptr) {
    fail(key, fmt::format("must be a number above 0, not {}", quoted(*value)));
  }
  return 1;
}

std::optional<double> Fields::positive_or_none(std::string_view key) {
  return has_optional(key) ? std::optional(positive(key)) : std::nullopt;
}

std::optional<double> Fields::number_or_none(std::string_view key, double least, double most) {
  const json* value = take_or_none(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_number() || value->get<double>() < least || value->get<double>() > most) {
    fail(key, fmt::format("must be a number from {} to {}, not {}", least, most, quoted(*value)));
    return std::nullopt;
  }
  return value->get<double>();
}

double Fields::share(std::string_view key) {
  const double share = positive(key);
  if (share > 1) {
    fail(key, fmt::format("{} is more than the whole; shares are at most 1", share));
  }
  return share;
}

ElementType Fields::cache_type(std::string_view key) {
  const std::string name = text(key);
  const auto type = element_type_of_name(name);
  if (sound({key}) && (!type || name != lower(name))) {
    fail(key, fmt::format("'{}' is not a cache type such as f16 or q8_0", name));
  }
  return type.value_or(ElementType::f16);
}

bool Fields::flag(std::string_view key) {
  const json* value = take(key);
  if (value != nullptr && !value->is_boolean()) {
    fail(key, fmt::format("must be true or false, not {}", quoted(*value)));
  }
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::vector<std::string> Fields::texts(std::string_view key) {
  const json* value = take(key);
  if (value == nullptr) {
    return {};
  }
  if (!value->is_array()) {
    fail(key, fmt::format("must be an array of strings, not {}", quoted(*value)));
    return {};
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const json& item = (*value)[i];
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      fail_item(key, i, fmt::format("must be a string that is not empty, not {}", quoted(item)));
    } else if (std::find(out.begin(), out.end(), item.get_ref<const std::string&>()) != out.end()) {
      fail_item(key, i, fmt::format("{} stands twice in this array; keep one", quoted(item)));
    } else {
      out.push_back(item.get<std::string>());
    }
  }
  return out;
}

std::vector<std::string> Fields::some_texts(std::string_view key) {
  std::vector<std::string> out = texts(key);
  if (out.empty() && sound({key})) {
    fail(key, "is empty; it needs at least one entry");
  }
  return out;
}

std::vector<std::string> Fields::texts_or_none(std::string_view key) {
  if (!has_optional(key)) {
    return {};
  }
  return texts(key);
}

std::string Fields::one_of(std::string_view key, std::initializer_list<std::string_view> choices) {
  std::string text = this->text(key);
  if (!sound({key})) {
    return {};
  }
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    fail(key, choices.size() == 1
                  ? fmt::format("must be '{}', not '{}'", *choices.begin(), text)
                  : fmt::format("'{}' is none of: {}", text, fmt::join(choices, ", ")));
    return {};
  }
  return text;
}

Fields Fields::object(std::string_view key) {
  const json* value = take(key);
  if (value != nullptr) {
    Fields out(*value, *faults_, pointer_to(key));
    if (out.mute_) {
      faulty_.emplace(key);
    }
    return out;
  }
  Fields out(nothing(), *faults_, pointer_to(key));
  out.mute_ = true;
  return out;
}

std::vector<Fields> Fields::objects(std::string_view key) {
  const json* value = take(key);
  std::vector<Fields> out;
  if (value != nullptr && !value->is_array()) {
    fail(key, fmt::format("must be an array of objects, not {}", quoted(*value)));
  } else if (value != nullptr) {
    for (std::size_t i = 0; i < value->size(); ++i) {
      out.emplace_back((*value)[i], *faults_, fmt::format("{}/{}", pointer_to(key), i));
    }
  }
  return out;
}

std::vector<Fields> Fields::objects_or_none(std::string_view key) {
  if (!has_optional(key)) {
    return {};
  }
  return objects(key);
}

const json::object_t& Fields::members() {
  const auto& object = value_->get_ref<const json::object_t&>();
  for (const auto& [key, ignored] : object) {
    asked_.push_back(key);
  }
  return object;
}

void Fields::finish() {
  for (const auto& [key, ignored] : value_->items()) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) {
      continue;
    }
    // A misspelt key is the likely reason for a missing one, and one fault says both.
    auto meant = nearest_names(key, missing_, 1);
    if (!meant.empty()) {
      missing_.erase(std::find(missing_.begin(), missing_.end(), meant.front()));
    } else {
      meant = nearest_names(key, asked_, 1);
    }
    faults_->add(pointer_to(key),
                 meant.empty() ? std::string("unknown key; remove it")
                               : fmt::format("unknown key; did you mean '{}'?", meant.front()),
                 Faults::At::key);
  }
  for (const std::string& key : missing_) {
    if (!mute_) {
      faults_->add(pointer_, fmt::format("key '{}' is missing; add it", key));
    }
  }
}

}  // namespace membudget
