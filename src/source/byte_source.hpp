// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace membudget {

/// The seam between model readers and the world: named bytes of known size that can be read
/// from anywhere. Readers see nothing else, so a file, memory and a server look alike to them.
class ByteSource {
 public:
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  /// What error messages call this source: the path as the user gave it.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// In bytes.
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Where a fault lies, for Error::where(): `name@0x1c40`.
  [[nodiscard]] std::string at(std::int64_t offset) const;

  /// Fills `into` with the bytes from `offset` on. Throws Error{truncated} when that range
  /// passes the end and Error{io} when the bytes cannot be read.
  void read(std::int64_t offset, std::span<std::byte> into) const;

  /// Tells that everything up to about `end` will be read, so that a source that fetches can
  /// fetch it at once.
  virtual void expect(std::int64_t /*end*/) const {}
  /// Bytes from `offset` on that can be read without fetching any.
  [[nodiscard]] virtual std::int64_t at_hand(std::int64_t offset) const { return size_ - offset; }

 protected:
  ByteSource(std::string name, std::int64_t size) : name_(std::move(name)), size_(size) {}

  /// As read(), for a range that lies within the source.
  virtual void read_within(std::int64_t offset, std::span<std::byte> into) const = 0;

 private:
  std::string name_;
  std::int64_t size_;
};

/// A file, opened for reading only and never mapped.
class FileSource final : public ByteSource {
 public:
  /// Throws Error{io} when the file is missing, unreadable or not a regular file.
  explicit FileSource(const std::filesystem::path& file);
  ~FileSource() override;

 private:
  struct Opened {
    int descriptor;
    std::int64_t size;
  };
  static Opened open(const std::filesystem::path& file);
  FileSource(std::string name, Opened opened)
      : ByteSource(std::move(name), opened.size), descriptor_(opened.descriptor) {}

  void read_within(std::int64_t offset, std::span<std::byte> into) const override;

  int descriptor_;
};

/// Bytes that somebody else keeps alive.
class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::span<const std::byte> bytes)
      : ByteSource(std::move(name), static_cast<std::int64_t>(bytes.size())), bytes_(bytes) {}

 private:
  void read_within(std::int64_t offset, std::span<std::byte> into) const override;

  std::span<const std::byte> bytes_;
};

}  // namespace membudget
