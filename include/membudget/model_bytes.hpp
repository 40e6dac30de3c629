// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "membudget/error.hpp"
#include "membudget/model.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// The bytes at hand end within a header that the file goes on with: Error{truncated}.
class HeaderCut : public Error {
 public:
  /// Of the file that `where` names; `needed` as needed() tells it.
  HeaderCut(const std::string& where, std::int64_t needed);

  /// How many of the file's first bytes to come back with: never more than the file has, always
  /// more than were given. Twice as many as those unless the header itself tells better, so that a
  /// header of any length takes a few attempts.
  [[nodiscard]] std::int64_t needed() const noexcept { return needed_; }

 private:
  std::int64_t needed_;
};

/// The model that a GGUF file (version 2 or 3) of `file_size` bytes describes, from its first
/// bytes: `head` holds at least the header, of a whole file or of what was fetched of it. `name`
/// becomes Model::id and names the file in faults. Does no I/O and keeps no reference to `head`.
/// Throws HeaderCut, Error{bad_request} when `head` is longer than the file, Error{unsupported} for
/// one part of a split model, and otherwise as load_gguf().
[[nodiscard]] Model model_of_gguf(std::span<const std::byte> head, std::uint64_t file_size,
                                  const std::string& name);

}  // namespace membudget
#pragma GCC visibility pop
