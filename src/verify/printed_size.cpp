// SPDX-License-Identifier: MIT
#include "verify/printed_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "ascii.hpp"

namespace membudget {

PrintedSize operator+(const PrintedSize& a, const PrintedSize& b) {
  // "3072.00 + 18.00 MiB": the unit once where both have the same.
  const auto unit = [](const std::string& text) { return text.substr(text.rfind(' ') + 1); };
  const bool same = unit(a.text) == unit(b.text);
  const std::string first = same ? a.text.substr(0, a.text.rfind(' ')) : a.text;
  return {
      .text = fmt::format("{} + {}", first, b.text), .low = a.low + b.low, .high = a.high + b.high};
}

}  // namespace membudget

namespace membudget::logs {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 10> units{{
    {"B", 1},
    {"KiB", std::int64_t{1} << 10},
    {"MiB", std::int64_t{1} << 20},
    {"GiB", std::int64_t{1} << 30},
    {"TiB", std::int64_t{1} << 40},
    {"KB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"kB", 1'000},
}};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

std::string_view leading_number(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::size_t end = 0;
  bool point = false;
  for (; end < text.size(); ++end) {
    if (is_digit(text[end])) continue;
    if (text[end] != '.' || point || end + 1 == text.size() || !is_digit(text[end + 1])) break;
    point = true;
  }
  return text.substr(0, end);
}

std::optional<std::int64_t> leading_integer(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<double> leading_decimal(std::string_view text) {
  return decimal(leading_number(text));
}

std::optional<PrintedSize> printed_size(std::string_view number, Bytes unit,
                                        std::string_view unit_name, Rounding rounding) {
  const std::string_view digits = leading_number(number);
  const auto value = leading_decimal(digits);
  constexpr double most = 4e18;
  if (!value || *value * static_cast<double>(unit.count()) > most) return std::nullopt;
  const auto point = digits.find('.');
  const auto decimals = point == std::string_view::npos ? 0 : digits.size() - point - 1;
  const double step = std::pow(10.0, -static_cast<double>(decimals));
  const double below = rounding == Rounding::truncated ? 0 : step / 2;
  const double above = rounding == Rounding::truncated ? step : step / 2;
  const auto scale = static_cast<double>(unit.count());
  const bool whole = unit == Bytes{1} && decimals == 0;
  PrintedSize out;
  out.text = fmt::format("{} {}", digits, unit_name);
  // A step of one byte is exact; the next unit of what is cut off is no longer printed so.
  out.low = Bytes{whole ? static_cast<std::int64_t>(*value)
                        : std::max<std::int64_t>(
                              0, static_cast<std::int64_t>(std::floor((*value - below) * scale)))};
  out.high = Bytes{whole ? static_cast<std::int64_t>(*value)
                         : static_cast<std::int64_t>(std::ceil((*value + above) * scale)) -
                               (rounding == Rounding::truncated ? 1 : 0)};
  return out;
}

std::optional<PrintedSize> printed_size(std::string_view text, Rounding rounding) {
  const std::string_view number = leading_number(text);
  if (number.empty()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(number.data() - text.data()) + number.size());
  text = trimmed(text);
  const auto end = std::find_if_not(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
  text = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  const auto* const unit = std::find_if(units.begin(), units.end(),
                                        [&](const auto& each) { return each.first == text; });
  if (unit == units.end()) return std::nullopt;
  return printed_size(number, Bytes{unit->second}, unit->first, rounding);
}

PrintedSize exact_size(Bytes size) {
  return {.text = fmt::format("{} B", size.count()), .low = size, .high = size};
}

}  // namespace membudget::logs
