// SPDX-License-Identifier: MIT
#include "profiles/profile_names.hpp"

#include <fmt/format.h>

#include "ascii.hpp"
#include "profiles/json_positions.hpp"

namespace membudget {
namespace {

/// Where a profile states a name: its id, the text of a member, or an element of an array.
std::string pointer_of(const nlohmann::json& value, std::string_view name) {
  for (const auto& [key, member] : value.items()) {
    if (member == name) {
      return pointer_step(key);
    }
    for (std::size_t i = 0; member.is_array() && i < member.size(); ++i) {
      if (member[i] == name) {
        return fmt::format("{}/{}", pointer_step(key), i);
      }
    }
  }
  return "";
}

}  // namespace

void ProfileNames::add(ProfileKind kind, std::string_view id,
                       const std::vector<std::string>& names) {
  of(kind).emplace(lower(id), Owner{std::string(id), ""});
  for (const std::string& name : names) {
    of(kind).emplace(lower(name), Owner{std::string(id), ""});
  }
}

void ProfileNames::claim(ProfileKind kind, std::string_view id,
                         const std::vector<std::string>& names, const nlohmann::json& value,
                         Faults& faults) {
  const auto claim_one = [&](const std::string& name) {
    const auto [at, fresh] = of(kind).emplace(lower(name), Owner{std::string(id), faults.file()});
    // The display name of a quantization is its id in another case.
    if (fresh || (at->second.file == faults.file() && at->second.id == id)) {
      return;
    }
    const Owner& owner = at->second;
    faults.add(pointer_of(value, name),
               owner.file.empty()
                   ? fmt::format("'{}' already names the built-in {} {}; choose another name, or "
                                 "call this file {}.json to replace it",
                                 name, to_string(kind), owner.id, owner.id)
                   : fmt::format("'{}' already names {} in {}; keep one of the two", name, owner.id,
                                 owner.file));
  };
  claim_one(std::string(id));
  for (const std::string& name : names) {
    claim_one(name);
  }
}

bool ProfileNames::knows(ProfileKind kind, std::string_view name) const {
  return of(kind).find(lower(name)) != of(kind).end();
}

}  // namespace membudget
