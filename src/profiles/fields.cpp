// SPDX-License-Identifier: MIT
#include "profiles/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "membudget/error.hpp"
#include "profiles/nearest.hpp"

namespace membudget {
namespace {

using nlohmann::json;

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

[[noreturn]] void fail_syntax(const std::string& file, std::string_view text,
                              const json::parse_error& error) {
  const auto at = std::min(text.size(), error.byte == 0 ? 0 : error.byte - 1);
  const auto before = text.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  std::string reason = error.what();
  // nlohmann's text is "[json.exception...] parse error at line 1, column 2: <reason>".
  if (const auto colon = reason.find(": "); colon != std::string::npos) {
    reason.erase(0, colon + 2);
  }
  throw Error(Errc::invalid_profile,
              fmt::format("{}:{}:{}", file, line, before.size() - line_start + 1),
              fmt::format("not strict JSON (no comments, no trailing commas): {}", reason));
}

std::string_view kind_of(const json& value) {
  return value.is_number_float() ? std::string_view("a fraction") : value.type_name();
}

}  // namespace

json parse_profile(const std::string& file, std::string_view text) {
  // nlohmann keeps the last of two equal keys without a word; a profile must not hide one.
  std::vector<std::set<std::string, std::less<>>> open_objects;
  std::string duplicate;
  const auto watch = [&](int, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) {
      open_objects.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_objects.pop_back();
    } else if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_objects.back().insert(key).second && duplicate.empty()) {
        duplicate = key;
      }
    }
    return true;
  };
  try {
    json value = json::parse(text.begin(), text.end(), watch);
    if (!duplicate.empty()) {
      throw Error(Errc::invalid_profile, fmt::format("{}#", file),
                  fmt::format("key '{}' stands twice in one object; keep one", duplicate));
    }
    return value;
  } catch (const json::parse_error& error) {
    fail_syntax(file, text, error);
  }
}

Fields::Fields(const json& value, std::string file, std::string pointer)
    : value_(&value), file_(std::move(file)), pointer_(std::move(pointer)) {
  if (!value.is_object()) {
    fail_at(pointer_, fmt::format("must be an object, not {}", kind_of(value)));
  }
}

std::string Fields::pointer_to(std::string_view key) const {
  return fmt::format("{}/{}", pointer_, escaped(key));
}

void Fields::fail_at(const std::string& pointer, const std::string& problem) const {
  throw Error(Errc::invalid_profile, fmt::format("{}#{}", file_, pointer), problem);
}

void Fields::fail(std::string_view key, const std::string& problem) const {
  fail_at(pointer_to(key), problem);
}

bool Fields::has(std::string_view key) const {
  return value_->contains(std::string(key));
}

const json* Fields::take_or_none(std::string_view key) {
  asked_.emplace_back(key);
  const auto found = value_->find(asked_.back());
  return found == value_->end() ? nullptr : &*found;
}

const json& Fields::take(std::string_view key) {
  const json* value = take_or_none(key);
  if (value == nullptr) {
    // A misspelt key is the likely reason, and naming it helps more than "missing".
    const std::size_t slip = key.size() < 8 ? 1 : 2;
    for (const auto& [present, ignored] : value_->items()) {
      if (edit_distance(present, key) <= slip) {
        fail(present, fmt::format("unknown key; did you mean '{}'?", key));
      }
    }
    fail_at(pointer_, fmt::format("key '{}' is missing", key));
  }
  return *value;
}

std::string Fields::text(std::string_view key) {
  const json& value = take(key);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    fail(key, fmt::format("must be a string that is not empty, not {}", kind_of(value)));
  }
  return value.get<std::string>();
}

std::optional<std::string> Fields::text_or_none(std::string_view key) {
  if (!has(key)) {
    asked_.emplace_back(key);
    return std::nullopt;
  }
  return text(key);
}

std::int64_t Fields::whole(std::string_view key, std::int64_t least) {
  const json& value = take(key);
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() &&
                      value.get<std::uint64_t>() >
                          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits || value.get<std::int64_t>() < least) {
    fail(key, fmt::format("must be a whole number of at least {}, not {}", least, value.dump()));
  }
  return value.get<std::int64_t>();
}

std::optional<std::int64_t> Fields::whole_or_none(std::string_view key, std::int64_t least) {
  if (!has(key)) {
    asked_.emplace_back(key);
    return std::nullopt;
  }
  return whole(key, least);
}

double Fields::positive(std::string_view key) {
  const json& value = take(key);
  if (!value.is_number() || !(value.get<double>() > 0)) {
    fail(key, fmt::format("must be a number above 0, not {}", value.dump()));
  }
  return value.get<double>();
}

bool Fields::flag(std::string_view key) {
  const json& value = take(key);
  if (!value.is_boolean()) {
    fail(key, fmt::format("must be true or false, not {}", kind_of(value)));
  }
  return value.get<bool>();
}

std::vector<std::string> Fields::texts(std::string_view key) {
  const json& value = take(key);
  if (!value.is_array()) {
    fail(key, fmt::format("must be an array of strings, not {}", kind_of(value)));
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_string() || value[i].get_ref<const std::string&>().empty()) {
      fail_at(fmt::format("{}/{}", pointer_to(key), i), "must be a string that is not empty");
    }
    out.push_back(value[i].get<std::string>());
  }
  return out;
}

std::vector<std::string> Fields::texts_or_none(std::string_view key) {
  if (!has(key)) {
    asked_.emplace_back(key);
    return {};
  }
  return texts(key);
}

Fields Fields::object(std::string_view key) {
  return {take(key), file_, pointer_to(key)};
}

std::vector<Fields> Fields::objects(std::string_view key) {
  const json& value = take(key);
  if (!value.is_array()) {
    fail(key, fmt::format("must be an array of objects, not {}", kind_of(value)));
  }
  std::vector<Fields> out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    out.emplace_back(value[i], file_, fmt::format("{}/{}", pointer_to(key), i));
  }
  return out;
}

const json::object_t& Fields::members() {
  const auto& object = value_->get_ref<const json::object_t&>();
  for (const auto& [key, ignored] : object) {
    asked_.push_back(key);
  }
  return object;
}

void Fields::finish() const {
  for (const auto& [key, ignored] : value_->items()) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) {
      continue;
    }
    const auto near = nearest_names(key, asked_, 1);
    fail(key, near.empty() ? std::string("unknown key; remove it")
                           : fmt::format("unknown key; did you mean '{}'?", near.front()));
  }
}

}  // namespace membudget
