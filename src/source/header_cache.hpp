// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace membudget {

/// What a cached header belongs to: other bytes under the same address have another tag or size.
struct HeaderKey {
  std::string url;
  std::int64_t size = 0;
  std::string etag;
};

/// The first bytes of a remote file, on disk, so that a header need not fit in memory. A new one
/// is written beside the cache's files and appears there by keep(), whole or not at all; runs
/// side by side do not see each other's. Not for concurrent use.
class HeaderFile {
 public:
  /// A new one, empty; in the temporary folder when `cache` is empty or cannot be written.
  explicit HeaderFile(std::filesystem::path cache);
  ~HeaderFile();
  HeaderFile(HeaderFile&& other) noexcept;
  HeaderFile& operator=(HeaderFile&&) = delete;
  HeaderFile(const HeaderFile&) = delete;
  HeaderFile& operator=(const HeaderFile&) = delete;

  /// The one that the cache holds of `url`; nullopt when it holds none that is whole.
  [[nodiscard]] static std::optional<HeaderFile> cached(const std::filesystem::path& cache,
                                                        const std::string& url);

  [[nodiscard]] const HeaderKey& key() const { return key_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

  /// Throws Error{io} when the disk takes or gives nothing.
  void write(std::int64_t offset, std::span<const std::byte> bytes);
  void read(std::int64_t offset, std::span<std::byte> into) const;
  /// Writes of later attempts start over from here.
  void cut(std::int64_t bytes) { bytes_ = bytes; }

  /// Puts it into the cache under `key`; a cache that cannot be written is let be. Nothing
  /// happens without a tag, since the next run could not tell whether the file is the same.
  void keep(const HeaderKey& key);

 private:
  HeaderFile(std::filesystem::path cache, int descriptor);
  void become_writable();

  std::filesystem::path cache_;   // empty = not kept
  std::filesystem::path beside_;  // what is to be renamed; empty = nothing
  int descriptor_ = -1;
  std::int64_t bytes_ = 0;
  bool from_cache_ = false;
  HeaderKey key_;
};

}  // namespace membudget
