// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace membudget::test {

/// What the program left behind.
struct Printed {
  int exit = -1;  ///< -1: it did not end by itself.
  std::string output;
  std::string errors;
};

/// Runs the program in `folder`, which is its home too: whoever runs the tests has records and
/// caches of their own, which plans would use. `arguments` and `environment` ("NAME=value ...") are
/// the shell's; `input` is its standard input.
[[nodiscard]] Printed run_program(const std::filesystem::path& folder, const std::string& arguments,
                                  const std::string& environment = "", std::string_view input = "");

/// A word that the shell takes as it is.
[[nodiscard]] std::string in_shell(std::string_view word);

/// A file's bytes; empty when there is none.
[[nodiscard]] std::string text_of(const std::filesystem::path& file);

}  // namespace membudget::test
