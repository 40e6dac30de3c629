// SPDX-License-Identifier: MIT
#include "request/options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace membudget {

std::string problem(const Error& error) {
  std::string_view text = error.what();
  if (const auto place = error.where() + ": "; text.starts_with(place)) {
    text.remove_prefix(place.size());
  }
  return std::string(text);
}

namespace request {

void wrong(const std::string& option, const std::string& message) {
  throw RequestError(Errc::bad_request, option, message);
}

std::int64_t integer(const std::string& text, const std::string& option, std::int64_t least,
                     std::int64_t most) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    wrong(option, fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  }
  return value;
}

}  // namespace request
}  // namespace membudget
