// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/profiles.hpp"
#include "profiles/faults.hpp"

namespace membudget {

/// Which profile each name belongs to, over all files of a check and the compiled-in profiles that
/// they do not replace. Names of one kind are unique in any case of letters.
class ProfileNames {
 public:
  /// Enters a compiled-in profile.
  void add(ProfileKind kind, std::string_view id, const std::vector<std::string>& names);
  /// Enters a profile of a checked file and faults, at the name's place in `value`, on names that
  /// belong to another one.
  void claim(ProfileKind kind, std::string_view id, const std::vector<std::string>& names,
             const nlohmann::json& value, Faults& faults);

  [[nodiscard]] bool knows(ProfileKind kind, std::string_view name) const;

 private:
  struct Owner {
    std::string id;
    std::string file;  ///< Empty for compiled-in profiles.
  };
  std::array<std::map<std::string, Owner, std::less<>>, 5> owners_;  // By kind and name.

  [[nodiscard]] auto& of(ProfileKind kind) { return owners_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const auto& of(ProfileKind kind) const {
    return owners_[static_cast<std::size_t>(kind)];
  }
};

}  // namespace membudget
