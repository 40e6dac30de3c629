// SPDX-License-Identifier: MIT
#include "source/byte_cursor.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace membudget {
namespace {

// Small enough to stay in a core's cache while it is walked, large enough that a header of
// 8 MB costs some thirty reads.
constexpr std::size_t block_bytes = std::size_t{256} << 10;

}  // namespace

ByteCursor::ByteCursor(const ByteSource& source)
    : source_(source),
      window_(static_cast<std::size_t>(
          std::min(source.size(), static_cast<std::int64_t>(block_bytes)))) {}

void ByteCursor::fail(Errc code, std::int64_t offset, const std::string& message) const {
  throw Error(code, source_.at(offset), message);
}

void ByteCursor::fail_short(std::int64_t offset, std::string_view what) const {
  fail(Errc::truncated, offset,
       fmt::format("the file ends within {}; it is cut or damaged, download it again", what));
}

void ByteCursor::refill(std::size_t bytes, std::string_view what) {
  const std::int64_t from = position();
  const std::int64_t available = source_.size() - from;
  if (static_cast<std::int64_t>(bytes) > available) {
    fail_short(from, what);
  }
  // No more than was asked for is fetched on account of the block.
  const std::int64_t ready =
      std::clamp(source_.at_hand(from), static_cast<std::int64_t>(bytes), available);
  const std::size_t block = std::min(window_.size(), static_cast<std::size_t>(ready));
  source_.read(from, std::span(window_).first(block));
  window_at_ = from;
  filled_ = block;
  next_ = 0;
}

std::int64_t ByteCursor::count(std::int64_t smallest, std::string_view what) {
  const std::int64_t start = position();
  const auto value = number<std::uint64_t>(what);
  if (value > static_cast<std::uint64_t>(left() / smallest)) {
    fail(Errc::truncated, start,
         fmt::format("{} is {}, more than the remaining {} bytes can hold; "
                     "the file is cut or damaged, download it again",
                     what, value, left()));
  }
  return static_cast<std::int64_t>(value);
}

std::string ByteCursor::string(std::int64_t longest, std::string_view what) {
  const std::int64_t start = position();
  const auto length = number<std::uint64_t>(what);
  if (length > static_cast<std::uint64_t>(left())) {
    fail_short(start, what);
  }
  if (length > static_cast<std::uint64_t>(longest)) {
    fail(Errc::invalid_model, start,
         fmt::format("{} has {} bytes, more than the {} allowed", what, length, longest));
  }
  return text(static_cast<std::int64_t>(length), what);
}

std::string ByteCursor::text(std::int64_t length, std::string_view what) {
  std::string result(static_cast<std::size_t>(length), '\0');
  for (std::size_t done = 0; done < result.size();) {
    need(1, what);
    const std::size_t piece = std::min(filled_ - next_, result.size() - done);
    std::memcpy(result.data() + done, window_.data() + next_, piece);
    next_ += piece;
    done += piece;
  }
  return result;
}

void ByteCursor::skip(std::int64_t bytes, std::string_view what) {
  const std::int64_t start = position();
  if (bytes > left()) {
    fail_short(start, what);
  }
  if (bytes <= static_cast<std::int64_t>(filled_ - next_)) {
    next_ += static_cast<std::size_t>(bytes);
    return;
  }
  window_at_ = start + bytes;
  filled_ = 0;
  next_ = 0;
}

// Half a million strings are a chain of loads, each of which waits for the one before: nothing else
// belongs in this loop.
std::int64_t ByteCursor::skip_whole_strings(std::int64_t most) {
  std::uint64_t length = 0;
  const std::byte* const window = window_.data();
  std::size_t at = next_;
  std::int64_t count = 0;
  for (; count < most && filled_ - at >= sizeof length; ++count) {
    std::memcpy(&length, window + at, sizeof length);
    if (length > filled_ - at - sizeof length) {
      break;
    }
    at += sizeof length + static_cast<std::size_t>(length);
  }
  next_ = at;
  return count;
}

void ByteCursor::skip_strings(std::int64_t strings, std::string_view what, const Ahead& ahead) {
  // Vocabularies begin with short strings, so that the last ones say most about those to come; a
  // few say nothing.
  constexpr std::int64_t sample = 256;
  std::int64_t marked_at = position();
  std::int64_t marked = 0;
  for (std::int64_t i = 0; i < strings; ++i) {
    i += skip_whole_strings(strings - i);
    if (i == strings) {
      return;
    }
    if (i - marked >= sample) {
      const std::int64_t mean = (position() - marked_at) / (i - marked) + 1;
      source_.expect(position() + mean * std::min(left(), strings - i + ahead.strings) +
                     ahead.bytes);
      marked_at = position();
      marked = i;
    }
    const std::int64_t start = position();
    const auto length = number<std::uint64_t>(what);
    if (length > static_cast<std::uint64_t>(left())) {
      fail_short(start, what);
    }
    skip(static_cast<std::int64_t>(length), what);
  }
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 64;
  std::string result = "'";
  for (const char character : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte >= 0x7f || byte == '\'') {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += character;
    }
  }
  result += text.size() > longest ? "...'" : "'";
  return result;
}

}  // namespace membudget
