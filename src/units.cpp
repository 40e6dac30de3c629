// SPDX-License-Identifier: MIT
#include "membudget/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "ascii.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

[[noreturn]] void overflow() {
  throw Error(Errc::overflow, "", "a size exceeds 63 bits; the model or setting is not plausible");
}

// Digits with at most one point, then a suffix. Not strtod: it would take "0x", "inf", "1e9".
struct Quantity {
  std::int64_t units = 0;  ///< What stands before the point: exact, as a double is not.
  double fraction = 0;
  std::string suffix;
  bool whole = true;
};

Quantity split_quantity(std::string_view text, std::string_view option, std::string_view wanted) {
  const auto fail = [&] {
    throw Error(Errc::bad_request, std::string(option),
                fmt::format("'{}' is not {}", text, wanted));
  };
  std::size_t at = 0;
  bool point = false;
  bool digit = false;
  while (at < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[at])) != 0 || (text[at] == '.' && !point))) {
    point = point || text[at] == '.';
    digit = digit || text[at] != '.';
    ++at;
  }
  if (!digit || at > 18) {
    fail();
  }
  Quantity result;
  const std::size_t end = std::min(text.find('.'), at);
  if (end != 0) {
    result.units = std::strtoll(std::string(text.substr(0, end)).c_str(), nullptr, 10);
  }
  if (at - end > 1) {
    result.fraction = decimal(text.substr(end, at - end)).value_or(0);
  }
  result.whole = !point;
  std::size_t from = at;
  while (from < text.size() && text[from] == ' ') {
    ++from;
  }
  result.suffix = lower(text.substr(from));
  return result;
}

std::int64_t scale(const Quantity& quantity, std::int64_t factor) {
  const double rest = std::floor(quantity.fraction * static_cast<double>(factor));
  return checked_add(checked_multiply(quantity.units, factor), static_cast<std::int64_t>(rest));
}

}  // namespace

std::int64_t checked_multiply(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) {
    overflow();
  }
  return result;
}

std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) {
    overflow();
  }
  return result;
}

Bytes operator+(Bytes a, Bytes b) {
  return Bytes{checked_add(a.count(), b.count())};
}

Bytes operator-(Bytes a, Bytes b) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(a.count(), b.count(), &result)) {
    overflow();
  }
  return Bytes{result};
}

Bytes operator*(Bytes a, std::int64_t n) {
  return Bytes{checked_multiply(a.count(), n)};
}

std::string to_text(Bytes size) {
  const auto count = static_cast<double>(size.count());
  const double magnitude = std::fabs(count);
  if (magnitude >= static_cast<double>(gib(1).count())) {
    return fmt::format("{:.2f} GiB", count / static_cast<double>(gib(1).count()));
  }
  if (magnitude >= static_cast<double>(mib(1).count())) {
    return fmt::format("{:.1f} MiB", count / static_cast<double>(mib(1).count()));
  }
  if (magnitude >= static_cast<double>(kib(1).count())) {
    return fmt::format("{:.1f} KiB", count / static_cast<double>(kib(1).count()));
  }
  return fmt::format("{} B", size.count());
}

Bytes parse_size(std::string_view text, std::string_view option, Bytes least_bare) {
  constexpr std::string_view wanted = "a size such as 4GiB, 512MiB or 1073741824";
  const Quantity quantity = split_quantity(text, option, wanted);
  struct Unit {
    std::string_view suffix;
    std::int64_t factor;
  };
  static constexpr std::array<Unit, 14> units{{{"", 1},
                                               {"b", 1},
                                               {"k", 1024},
                                               {"kib", 1024},
                                               {"kb", 1'000},
                                               {"m", 1048576},
                                               {"mib", 1048576},
                                               {"mb", 1'000'000},
                                               {"g", 1073741824},
                                               {"gib", 1073741824},
                                               {"gb", 1'000'000'000},
                                               {"t", 1099511627776},
                                               {"tib", 1099511627776},
                                               {"tb", 1'000'000'000'000}}};
  for (const Unit& unit : units) {
    if (unit.suffix == quantity.suffix && (quantity.whole || unit.factor > 1)) {
      const Bytes size{scale(quantity, unit.factor)};
      if (unit.suffix.empty() && size > Bytes() && size < least_bare) {
        throw Error(Errc::bad_request, std::string(option),
                    fmt::format("{0} would be {0} bytes; write the unit, as in {0}GiB or {0}MiB",
                                size.count()));
      }
      return size;
    }
  }
  throw Error(Errc::bad_request, std::string(option), fmt::format("'{}' is not {}", text, wanted));
}

std::int64_t parse_tokens(std::string_view text, std::string_view option) {
  constexpr std::string_view wanted = "a number of tokens such as 8192 or 8k";
  const Quantity quantity = split_quantity(text, option, wanted);
  if (quantity.suffix.empty() && quantity.whole) {
    return scale(quantity, 1);
  }
  if (quantity.suffix == "k") {
    return scale(quantity, 1024);
  }
  if (quantity.suffix == "m") {
    return scale(quantity, 1048576);
  }
  throw Error(Errc::bad_request, std::string(option), fmt::format("'{}' is not {}", text, wanted));
}

}  // namespace membudget
