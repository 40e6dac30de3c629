// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/error.hpp"
#include "source/byte_source.hpp"

namespace membudget {

/// Reads little-endian values from the front of a source to its back, in large blocks.
///
/// Every length is held against the bytes that are left before anything is allocated. `what`
/// names the thing being read in messages: "a tensor name". Not for concurrent use.
class ByteCursor {
 public:
  explicit ByteCursor(const ByteSource& source);

  [[nodiscard]] std::int64_t position() const {
    return window_at_ + static_cast<std::int64_t>(next_);
  }
  [[nodiscard]] std::int64_t left() const { return source_.size() - position(); }
  [[nodiscard]] const ByteSource& source() const { return source_; }

  /// The next value of a type of 1 to 8 bytes. Throws Error{truncated} when fewer are left.
  template <class T>
  [[nodiscard]] T number(std::string_view what) {
    static_assert(std::endian::native == std::endian::little, "values are copied as they stand");
    static_assert(sizeof(T) <= 8);
    need(sizeof(T), what);
    T value{};
    std::memcpy(&value, window_.data() + next_, sizeof(T));
    next_ += sizeof(T);
    return value;
  }

  /// The next u64, as the number of things that take at least `smallest` bytes each. Throws
  /// Error{truncated} when that many do not fit in the bytes that are left.
  [[nodiscard]] std::int64_t count(std::int64_t smallest, std::string_view what);

  /// A u64 length and that many bytes. Throws Error{invalid_model} for more than `longest`.
  [[nodiscard]] std::string string(std::int64_t longest, std::string_view what);
  /// `length` bytes; the caller has held the length against left().
  [[nodiscard]] std::string text(std::int64_t length, std::string_view what);

  /// Passes over `bytes`; those beyond the current block are never read.
  void skip(std::int64_t bytes, std::string_view what);
  /// What will be read after an array of strings, as far as it can be told.
  struct Ahead {
    std::int64_t bytes = 0;
    std::int64_t strings = 0;  ///< Of about the same length.
  };
  /// Passes over strings, each a u64 length and that many bytes. From the length of those already
  /// seen the source is told where the array and what is `ahead` of it will end.
  void skip_strings(std::int64_t strings, std::string_view what, const Ahead& ahead);
  void skip_strings(std::int64_t strings, std::string_view what) {
    skip_strings(strings, what, Ahead{});
  }

  /// Throws Error{code} about the bytes at `offset`.
  [[noreturn]] void fail(Errc code, std::int64_t offset, const std::string& message) const;

 private:
  /// Makes the next `bytes` (at most a block) readable from window_.
  void need(std::size_t bytes, std::string_view what) {
    if (filled_ - next_ < bytes) {
      refill(bytes, what);
    }
  }
  void refill(std::size_t bytes, std::string_view what);
  /// Passes over up to `most` strings that lie in the window as a whole, and counts them.
  std::int64_t skip_whole_strings(std::int64_t most);
  [[noreturn]] void fail_short(std::int64_t offset, std::string_view what) const;

  const ByteSource& source_;
  std::vector<std::byte> window_;
  std::int64_t window_at_ = 0;  // offset of window_ in the source
  std::size_t filled_ = 0;
  std::size_t next_ = 0;
};

/// `text` between quotes, on one line and of bounded length, whatever bytes it holds: names
/// from files are printed to terminals.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace membudget
