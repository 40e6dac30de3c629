// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "membudget/request.hpp"

// What reading typed options has in common.
namespace membudget::request {

[[noreturn]] void wrong(const std::string& option, const std::string& message);

/// Decimal digits only: what `0x10` or `010` would mean is left to nobody's guess.
[[nodiscard]] std::int64_t integer(const std::string& text, const std::string& option,
                                   std::int64_t least, std::int64_t most);

/// Looks up what an option says: what is unknown or impossible there is wrong usage.
template <class Lookup>
auto asked_for(const std::string& option, const Lookup& lookup) {
  try {
    return lookup();
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name && error.code() != Errc::unsupported) throw;
    throw RequestError(error.code(), error.where().empty() ? option : error.where(),
                       problem(error));
  }
}

}  // namespace membudget::request
