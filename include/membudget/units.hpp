// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace membudget {

/// A size in bytes. Signed, so that a deficit is a value; arithmetic throws Error{overflow}
/// instead of wrapping, because sizes come from files. GiB = 2^30; GB never appears.
class Bytes {
 public:
  constexpr Bytes() = default;
  /// That many bytes; may be negative.
  explicit constexpr Bytes(std::int64_t count) : count_(count) {}

  /// In bytes.
  [[nodiscard]] constexpr std::int64_t count() const { return count_; }

  friend constexpr auto operator<=>(Bytes, Bytes) = default;

  /// The sum. Like all arithmetic here throws Error{overflow} when 63 bits do not hold the result.
  friend Bytes operator+(Bytes a, Bytes b);
  /// The difference, negative for a deficit; throws as the sum.
  friend Bytes operator-(Bytes a, Bytes b);
  /// `n` times as many; throws as the sum.
  friend Bytes operator*(Bytes a, std::int64_t n);
  /// `n` times as many; throws as the sum.
  friend Bytes operator*(std::int64_t n, Bytes a) { return a * n; }
  /// Adds in place; throws as the sum.
  Bytes& operator+=(Bytes b) { return *this = *this + b; }
  /// Subtracts in place; throws as the sum.
  Bytes& operator-=(Bytes b) { return *this = *this - b; }

 private:
  std::int64_t count_ = 0;
};

/// `n` times 2^10 bytes, not checked: for constants.
[[nodiscard]] constexpr Bytes kib(std::int64_t n) {
  return Bytes{n << 10};
}
/// `n` times 2^20 bytes, not checked: for constants.
[[nodiscard]] constexpr Bytes mib(std::int64_t n) {
  return Bytes{n << 20};
}
/// `n` times 2^30 bytes, not checked: for constants.
[[nodiscard]] constexpr Bytes gib(std::int64_t n) {
  return Bytes{n << 30};
}

/// `a * b`, or Error{overflow}. For products of shapes that come from files.
[[nodiscard]] std::int64_t checked_multiply(std::int64_t a, std::int64_t b);
/// `a + b`, or Error{overflow}.
[[nodiscard]] std::int64_t checked_add(std::int64_t a, std::int64_t b);

/// `n` rounded up to a multiple of `step` (> 0).
[[nodiscard]] constexpr std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

/// "18.49 GiB", "312.8 MiB", "0 B": binary units with the precision people compare at.
[[nodiscard]] std::string to_text(Bytes size);

/// Reads "4GiB", "512MiB", "1.5 GB", "1073741824": GB is 10^9, GiB 2^30, a bare number bytes;
/// "4g" and "4G" mean GiB, as in llama.cpp and `docker -m`.
/// Throws Error{bad_request} naming `option` for anything else, negative sizes included, and for a
/// bare number other than 0 below `least_bare`: whoever writes "4" for memory means no 4 bytes.
[[nodiscard]] Bytes parse_size(std::string_view text, std::string_view option,
                               Bytes least_bare = Bytes());

/// `least_bare` of memory that is kept free or was measured.
inline constexpr Bytes least_bare_size = mib(1);

/// Reads a token count: "8192", "8k" (8192), "128k" (131072), "1m" (1048576).
/// Throws Error{bad_request} naming `option` for anything else.
[[nodiscard]] std::int64_t parse_tokens(std::string_view text, std::string_view option);

}  // namespace membudget
#pragma GCC visibility pop
