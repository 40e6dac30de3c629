// SPDX-License-Identifier: MIT
#include "source/byte_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "membudget/error.hpp"

namespace membudget {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace

std::string ByteSource::at(std::int64_t offset) const {
  return fmt::format("{}@{:#x}", name_, offset);
}

void ByteSource::read(std::int64_t offset, std::span<std::byte> into) const {
  const auto wanted = static_cast<std::int64_t>(into.size());
  if (offset < 0 || offset > size_ || wanted > size_ - offset) {
    throw Error(Errc::truncated, at(offset),
                fmt::format("{} bytes wanted, but the file has {}; it is cut or damaged, "
                            "download it again",
                            wanted, size_));
  }
  read_within(offset, into);
}

FileSource::FileSource(const std::filesystem::path& file) : FileSource(file.string(), open(file)) {}

FileSource::Opened FileSource::open(const std::filesystem::path& file) {
  // O_NONBLOCK: opening a named pipe must fail below rather than wait for a writer.
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const int error = errno;
    throw Error(Errc::io, file.string(),
                fmt::format("cannot be opened: {}; check the path", reason(error)));
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    const int error = errno;
    ::close(descriptor);
    throw Error(Errc::io, file.string(),
                fmt::format("cannot be read: {}; check the path", reason(error)));
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw Error(Errc::io, file.string(),
                S_ISDIR(status.st_mode) ? "is a folder; name the model file inside it"
                                        : "is not a regular file; name a model file");
  }
  return {.descriptor = descriptor, .size = static_cast<std::int64_t>(status.st_size)};
}

FileSource::~FileSource() {
  ::close(descriptor_);
}

void FileSource::read_within(std::int64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t count =
        ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      const int error = errno;
      throw Error(Errc::io, at(offset), fmt::format("cannot be read: {}", reason(error)));
    }
    if (count == 0) {
      throw Error(Errc::truncated, at(offset), "the file became shorter while it was read");
    }
    into = into.subspan(static_cast<std::size_t>(count));
    offset += count;
  }
}

void MemorySource::read_within(std::int64_t offset, std::span<std::byte> into) const {
  const auto from = bytes_.subspan(static_cast<std::size_t>(offset), into.size());
  std::copy(from.begin(), from.end(), into.begin());
}

}  // namespace membudget
