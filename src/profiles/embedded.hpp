// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace membudget {

/// A file under profiles/, compiled in.
struct EmbeddedFile {
  std::string_view path;  ///< Relative to profiles/: "chips/m1-max-32gb.json".
  std::string_view text;
};

/// Sorted by path. Written by profiles/embed.cmake.
[[nodiscard]] std::span<const EmbeddedFile> embedded_files();

}  // namespace membudget
