// SPDX-License-Identifier: MIT
#include "records/line_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "membudget/error.hpp"

namespace membudget {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, std::string_view what, int reason) {
  throw Error(Errc::io, file.string(),
              fmt::format("{}: {}", what, std::generic_category().message(reason)));
}

/// Closes itself, and with that gives up its lock.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }
  /// The result of close(), which may be the first to tell of a write that failed.
  int close() { return ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

template <class Call>
auto again_when_interrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

void make_folder_of(const fs::path& file) {
  std::error_code code;
  if (const fs::path folder = file.parent_path(); !folder.empty()) {
    fs::create_directories(folder, code);
    if (code) {
      fail(folder, "cannot be made", code.value());
    }
  }
}

/// Some network file systems have no locks; there one append is still one write at the end.
void lock(int descriptor, int kind, const fs::path& file) {
  // The first two are one on Linux and two on macOS.
  constexpr std::array no_locks{EOPNOTSUPP, ENOTSUP, ENOLCK, EINVAL};
  if (again_when_interrupted([&] { return ::flock(descriptor, kind); }) != 0 &&
      std::ranges::find(no_locks, errno) == no_locks.end()) {
    fail(file, "cannot be locked", errno);
  }
}

/// So that the name of a new file outlives a crash too; not every file system can.
void sync_folder_of(const fs::path& file, FileCalls& calls) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.number() >= 0) {
    static_cast<void>(calls.sync(opened.number()));
  }
}

/// 0, or why it was not written.
int write_all(int descriptor, std::string_view text, FileCalls& calls) {
  while (!text.empty()) {
    const ssize_t count =
        again_when_interrupted([&] { return calls.write(descriptor, text.data(), text.size()); });
    if (count < 0) {
      return errno;
    }
    if (count == 0) {
      return EIO;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

bool ends_in_a_line(int descriptor, off_t size, const fs::path& file) {
  if (size == 0) {
    return true;
  }
  char last = 0;
  if (again_when_interrupted([&] { return ::pread(descriptor, &last, 1, size - 1); }) != 1) {
    fail(file, "cannot be read", errno);
  }
  return last == '\n';
}

}  // namespace

ssize_t FileCalls::write(int descriptor, const void* bytes, std::size_t count) {
  return ::write(descriptor, bytes, count);
}

int FileCalls::sync(int descriptor) {
#ifdef F_FULLFSYNC
  // On macOS fsync() leaves the data in the drive's own cache.
  if (::fcntl(descriptor, F_FULLFSYNC) == 0) {
    return 0;
  }
#endif
  return again_when_interrupted([&] { return ::fsync(descriptor); });
}

int FileCalls::truncate(int descriptor, off_t size) {
  return again_when_interrupted([&] { return ::ftruncate(descriptor, size); });
}

FileCalls& FileCalls::of_system() {
  static FileCalls calls;
  return calls;
}

void append_lines(const fs::path& file, std::string_view lines, FileCalls& calls) {
  make_folder_of(file);
  Descriptor opened(again_when_interrupted(
      [&] { return ::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666); }));
  if (opened.number() < 0) {
    fail(file, "cannot be opened to append", errno);
  }
  lock(opened.number(), LOCK_EX, file);
  struct stat status {};
  if (::fstat(opened.number(), &status) != 0) {
    fail(file, "cannot be looked at", errno);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(Errc::io, file.string(), "is not a regular file; name another");
  }
  // Not an assignment, in which g++ 12 sees an overlapping copy (GCC bug 105329).
  std::string text(ends_in_a_line(opened.number(), status.st_size, file) ? 0 : 1, '\n');
  text += lines;
  int problem = write_all(opened.number(), text, calls);
  if (problem == 0 && calls.sync(opened.number()) != 0) {
    problem = errno;
  }
  if (problem != 0) {
    // Nobody else appends while the lock is held, so only what was written here goes.
    if (calls.truncate(opened.number(), status.st_size) != 0) {
      fail(file, "half a record was written, which will be passed over", problem);
    }
    fail(file, "cannot be written, and is as it was", problem);
  }
  if (status.st_size == 0) {
    sync_folder_of(file, calls);
  }
  if (opened.close() != 0 && errno != EINTR) {
    fail(file, "cannot be written", errno);
  }
}

bool read_lines(const fs::path& file, std::size_t longest,
                const std::function<void(const FileLine&)>& take) {
  const Descriptor opened(again_when_interrupted(
      [&] { return ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (opened.number() < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return false;
  }
  if (opened.number() < 0) {
    fail(file, "cannot be opened", errno);
  }
  lock(opened.number(), LOCK_SH, file);
  std::array<char, 64 << 10> block{};
  std::string line;
  bool too_long = false;
  std::int64_t number = 1;
  const auto add = [&](std::string_view piece) {
    const std::size_t room = longest - line.size();
    too_long = too_long || piece.size() > room;
    line += piece.substr(0, room);
  };
  for (;;) {
    const ssize_t count =
        again_when_interrupted([&] { return ::read(opened.number(), block.data(), block.size()); });
    if (count < 0) {
      fail(file, "cannot be read", errno);
    }
    if (count == 0) {
      break;
    }
    std::string_view rest(block.data(), static_cast<std::size_t>(count));
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      add(rest.substr(0, end));
      take({line, number, true, too_long});
      ++number;
      line.clear();
      too_long = false;
      rest.remove_prefix(end + 1);
    }
    add(rest);
  }
  if (!line.empty()) {
    take({line, number, false, too_long});
  }
  return true;
}

void replace_file(const fs::path& file, std::string_view text, FileCalls& calls) {
  make_folder_of(file);
  const fs::path beside = fmt::format("{}.{}.part", file.string(), ::getpid());
  Descriptor opened(again_when_interrupted(
      [&] { return ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); }));
  if (opened.number() < 0) {
    fail(beside, "cannot be made", errno);
  }
  int problem = write_all(opened.number(), text, calls);
  if (problem == 0 && calls.sync(opened.number()) != 0) {
    problem = errno;
  }
  if (opened.close() != 0 && problem == 0 && errno != EINTR) {
    problem = errno;
  }
  if (problem == 0 && ::rename(beside.c_str(), file.c_str()) != 0) {
    problem = errno;
  }
  if (problem != 0) {
    ::unlink(beside.c_str());
    fail(file, "cannot be written, and is as it was", problem);
  }
  sync_folder_of(file, calls);
}

}  // namespace membudget
