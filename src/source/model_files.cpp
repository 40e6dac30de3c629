// SPDX-License-Identifier: MIT
#include "source/model_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <system_error>
#include <utility>

#include "membudget/error.hpp"

namespace membudget {

bool ModelFiles::has(std::string_view file) const {
  return std::find(list().begin(), list().end(), file) != list().end();
}

std::string ModelFiles::read(const std::string& file, std::int64_t most) const {
  const std::unique_ptr<ByteSource> source = open(file);
  if (source->size() > most) {
    throw Error(
        Errc::invalid_model, source->name(),
        fmt::format("has {} bytes, more than the {} that such a file takes", source->size(), most));
  }
  std::string text(static_cast<std::size_t>(source->size()), '\0');
  source->expect(source->size());
  source->read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

FolderFiles::FolderFiles(std::filesystem::path folder) : folder_(std::move(folder)) {
  // A whole home folder given by mistake must not be walked to its end.
  constexpr int deepest = 1;
  constexpr std::size_t most_files = 10'000;
  std::error_code code;
  std::filesystem::recursive_directory_iterator each(folder_, code);
  const std::filesystem::recursive_directory_iterator end;
  while (!code && each != end && files_.size() < most_files) {
    std::error_code ignored;
    if (each.depth() >= deepest) {
      each.disable_recursion_pending();
    }
    if (each->is_regular_file(ignored)) {
      files_.push_back(each->path().lexically_relative(folder_).generic_string());
    }
    each.increment(code);
  }
  if (code) {
    throw Error(Errc::io, folder_.string(), fmt::format("cannot be read: {}", code.message()));
  }
  std::sort(files_.begin(), files_.end());
}

std::unique_ptr<ByteSource> FolderFiles::open(const std::string& file) const {
  return std::make_unique<FileSource>(folder_ / file);
}

}  // namespace membudget
