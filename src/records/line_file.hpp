// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace membudget {

/// What the system does to a file that is written; tests put a full disk or a crash in its place.
class FileCalls {
 public:
  FileCalls() = default;
  FileCalls(const FileCalls&) = delete;
  FileCalls& operator=(const FileCalls&) = delete;
  virtual ~FileCalls() = default;

  virtual ssize_t write(int descriptor, const void* bytes, std::size_t count);
  /// Down to the disk itself, where the system can.
  virtual int sync(int descriptor);
  virtual int truncate(int descriptor, off_t size);

  /// The system's own.
  [[nodiscard]] static FileCalls& of_system();
};

/// Adds whole lines to the end of a file that other programs append to at the same time; makes the
/// file and its folders. A line that a crash cut off is ended first. When it returns the lines are
/// on the disk; when it throws Error{io} the file has the size it had.
void append_lines(const std::filesystem::path& file, std::string_view lines,
                  FileCalls& calls = FileCalls::of_system());

/// One line of a file without its end.
struct FileLine {
  std::string_view text;  ///< Of a line over the limit only its beginning.
  std::int64_t number = 1;
  bool ended = true;  ///< False for a last line without an end.
  bool too_long = false;
};

/// Calls `take` with each line, while nobody appends. False when there is no such file. Throws
/// Error{io} when it cannot be read.
bool read_lines(const std::filesystem::path& file, std::size_t longest,
                const std::function<void(const FileLine&)>& take);

/// Puts `text` in the place of a file: readers see the old one or the new one, whole, also after a
/// crash. Makes its folders. Throws Error{io}.
void replace_file(const std::filesystem::path& file, std::string_view text,
                  FileCalls& calls = FileCalls::of_system());

}  // namespace membudget
