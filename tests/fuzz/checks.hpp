// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/model.hpp"
#include "membudget/profiles.hpp"
#include "source/byte_source.hpp"
#include "source/model_files.hpp"

namespace membudget::fuzz {

/// Ends the process, saying what does not hold.
void require(bool holds, std::string_view what);

/// The profiles of the library, decoded once.
[[nodiscard]] const Profiles& profiles();

/// Of an Error: it is one line of bounded length without control characters.
void check_error(const Error& error);
/// `text` has no control characters but the ends of lines: nothing in it commands a terminal.
void check_printable(std::string_view text, std::string_view what);

/// What `read` returns; nullopt when it throws an Error, which must be a clean one. Anything else
/// that is thrown ends the process.
template <class Read>
[[nodiscard]] auto read_or_refuse(const Read& read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Error& error) {
    check_error(error);
    return std::nullopt;
  }
}

/// The same, twice: equal inputs are read or refused alike, with the same words.
template <class Read, class Show>
auto read_twice(const Read& read, const Show& show) -> std::optional<decltype(read())> {
  std::optional<decltype(read())> out;
  std::string said[2];
  for (std::string& words : said) {
    try {
      out = read();
      words = show(*out);
    } catch (const Error& error) {
      check_error(error);
      words = error.what();
    }
  }
  require(said[0] == said[1], "equal inputs give equal answers");
  return out;
}

/// Plans a model that was read, with settings that `salt` picks: a plan or a clean Error, the same
/// twice, whose parts sum to its total, and whose report is fit for a terminal.
void check_plans(const Model& model, std::size_t salt);

/// A number that depends on all bytes of the input.
[[nodiscard]] std::size_t hash_of(std::string_view input);

/// Parts of an input, which lines "%%" separate.
[[nodiscard]] std::vector<std::string_view> parts_of(std::string_view input);
/// The text up to the next end of line, taken off the front.
[[nodiscard]] std::string_view take_line(std::string_view& text);

/// Files in memory; views what it is given.
class TextFiles final : public ModelFiles {
 public:
  explicit TextFiles(std::map<std::string, std::string_view> files);

  [[nodiscard]] std::string name() const override { return "folder"; }
  [[nodiscard]] const std::vector<std::string>& list() const override { return names_; }
  [[nodiscard]] std::unique_ptr<ByteSource> open(const std::string& file) const override;

 private:
  std::map<std::string, std::string_view> files_;
  std::vector<std::string> names_;
};

[[nodiscard]] inline MemorySource source_of(std::string_view bytes, std::string name = "input") {
  return {std::move(name), std::as_bytes(std::span(bytes))};
}

}  // namespace membudget::fuzz
