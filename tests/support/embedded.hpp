// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/profiles.hpp"

namespace membudget {

/// The profiles inside the program, read once for all tests.
inline const Profiles& profiles() {
  static const Profiles embedded = Profiles::embedded();
  return embedded;
}

}  // namespace membudget
