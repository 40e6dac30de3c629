// SPDX-License-Identifier: MIT
#include "profiles/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "profiles/json_positions.hpp"

namespace membudget {
namespace {

using nlohmann::json;

struct Place {
  std::int64_t line = 1;
  std::int64_t column = 1;
};

Place place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line_break = before.rfind('\n');
  const std::string_view line =
      before.substr(line_break == std::string_view::npos ? 0 : line_break + 1);
  const auto starts_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  };
  return {1 + std::count(before.begin(), before.end(), '\n'),
          1 + std::count_if(line.begin(), line.end(), starts_character)};
}

/// nlohmann's text is "[json.exception...] parse error at line 1, column 2: <reason>".
std::string reason_of(const json::parse_error& error) {
  std::string reason = error.what();
  if (const auto colon = reason.find(": "); colon != std::string::npos) {
    reason.erase(0, colon + 2);
  }
  return fmt::format("not JSON: {}", reason);
}

}  // namespace

// Problems quote what stands in the file, which may be anything.
void Faults::add(std::string pointer, std::string_view problem, At at) {
  faults_.push_back({std::move(pointer), one_line(problem), at});
}

void Faults::add_at_offset(std::size_t offset, std::string_view problem) {
  faults_.push_back({"", one_line(problem), At::value, offset});
}

void Faults::throw_first() const {
  if (faults_.empty()) {
    return;
  }
  const Fault& first = faults_.front();
  if (!first.offset) {
    throw Error(Errc::invalid_profile, fmt::format("{}#{}", file_, first.pointer), first.problem);
  }
  const Place place = place_of(text_, *first.offset);
  throw Error(Errc::invalid_profile, fmt::format("{}:{}:{}", file_, place.line, place.column),
              first.problem);
}

std::vector<ProfileFault> Faults::located() const {
  if (faults_.empty()) {
    return {};
  }
  const JsonPositions positions(text_);
  std::vector<ProfileFault> out;
  for (const Fault& fault : faults_) {
    std::size_t offset = fault.offset.value_or(0);
    if (const auto* place = positions.find(fault.pointer); !fault.offset && place != nullptr) {
      offset = fault.at == At::key ? place->key : place->value;
    }
    const auto [line, column] = place_of(text_, offset);
    out.push_back({file_, line, column, fault.pointer, fault.problem});
  }
  std::stable_sort(out.begin(), out.end(), [](const ProfileFault& a, const ProfileFault& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return out;
}

std::optional<json> parse_profile(Faults& faults) {
  const std::string_view text = faults.text();
  std::vector<std::set<std::string, std::less<>>> open_objects;
  bool repeats = false;
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t event, const json& parsed) {
    too_deep = too_deep || depth > deepest_json;
    if (event == json::parse_event_t::object_start) {
      open_objects.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_objects.pop_back();
    } else if (event == json::parse_event_t::key) {
      // nlohmann keeps the last of two equal keys without a word; a profile must not hide one.
      repeats = !open_objects.back().insert(parsed.get_ref<const std::string&>()).second || repeats;
    }
    return !too_deep;
  };
  std::optional<json> value;
  std::optional<std::pair<std::size_t, std::string>> syntax;
  try {
    value = json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    syntax = {error.byte == 0 ? 0 : error.byte - 1, reason_of(error)};
  } catch (const json::exception& error) {  // A number beyond every range.
    syntax = {0, fmt::format("not JSON: {}", error.what())};
  }
  if (value && !repeats && !too_deep) {
    return value;
  }
  const JsonPositions positions(text);
  if (positions.first_break()) {
    faults.add_at_offset(positions.first_break()->offset, positions.first_break()->problem);
    return std::nullopt;
  }
  if (syntax) {
    faults.add_at_offset(syntax->first, syntax->second);
    return std::nullopt;
  }
  for (const auto& [pointer, key, offset] : positions.repeated()) {
    faults.add_at_offset(offset, fmt::format("key '{}' stands twice in one object; keep one", key));
  }
  return value;
}

}  // namespace membudget
