// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace membudget {

/// One thing that is wrong with a profile file.
struct ProfileFault {
  std::string file;
  std::int64_t line = 1;    ///< From 1.
  std::int64_t column = 1;  ///< From 1, in characters.
  std::string pointer;      ///< JSON pointer of the member; empty means the document.
  std::string problem;      ///< One line: what is wrong and what would be right.
};

/// What a check of profile files found.
struct ProfileCheck {
  std::vector<std::string> files;    ///< Every file that was read, sorted.
  std::vector<ProfileFault> faults;  ///< By file, line and column; empty when all are valid.
};

/// Reads profile files (chips, models, runtimes, quantizations, stacks and the common tables) as
/// strictly as can be and lists every fault: JSON that is none, unknown and missing keys, figures
/// out of range, names that two files claim, references to nothing, and models whose tensors do
/// not add up to their parameters.
///
/// A folder means every .json below it; files named *.schema.json are passed over. References are
/// looked up in these files and the compiled-in profiles; a file with the id of a compiled-in
/// profile replaces it. Throws Error{io} when a path cannot be read or holds no profile.
[[nodiscard]] ProfileCheck check_profiles(std::span<const std::filesystem::path> paths);

}  // namespace membudget
#pragma GCC visibility pop
