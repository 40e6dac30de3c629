// SPDX-License-Identifier: MIT
#include "profile_kind.hpp"

membudget::Profiles profiles_with(const std::string& folder) {
  auto out = membudget::Profiles::embedded();
  return folder.empty() ? out : out.overlaid_with(folder);
}
