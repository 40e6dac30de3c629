// SPDX-License-Identifier: MIT
#include "membudget/error.hpp"

#include <utility>

#include "ascii.hpp"

namespace membudget {

Error::Error(Errc code, std::string where, const std::string& message)
    : std::runtime_error(one_line(where.empty() ? message : where + ": " + message)),
      code_(code),
      where_(std::move(where)) {}

}  // namespace membudget
