// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/profile_list.hpp"
#include "membudget/profiles.hpp"

/// The built-in profiles, with those of `folder` over them unless it is empty.
[[nodiscard]] membudget::Profiles profiles_with(const std::string& folder);
