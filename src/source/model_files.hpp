// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/byte_source.hpp"

namespace membudget {

/// The files of one model, wherever they lie: a folder or a repository.
class ModelFiles {
 public:
  ModelFiles() = default;
  ModelFiles(const ModelFiles&) = delete;
  ModelFiles& operator=(const ModelFiles&) = delete;
  virtual ~ModelFiles() = default;

  /// What messages call the whole.
  [[nodiscard]] virtual std::string name() const = 0;
  /// Paths relative to the whole, "/" between folders, sorted.
  [[nodiscard]] virtual const std::vector<std::string>& list() const = 0;
  /// A file of list(). Throws Error as the kind of source does.
  [[nodiscard]] virtual std::unique_ptr<ByteSource> open(const std::string& file) const = 0;

  [[nodiscard]] bool has(std::string_view file) const;
  /// The whole text of a file of at most `most` bytes.
  /// Throws Error{invalid_model} for a longer one.
  [[nodiscard]] std::string read(const std::string& file, std::int64_t most) const;
};

/// A folder on disk. Links are followed, as caches consist of them.
class FolderFiles final : public ModelFiles {
 public:
  /// Lists the folder and the folders in it, two levels deep.
  /// Throws Error{io} when it cannot be read.
  explicit FolderFiles(std::filesystem::path folder);

  [[nodiscard]] std::string name() const override { return folder_.string(); }
  [[nodiscard]] const std::vector<std::string>& list() const override { return files_; }
  [[nodiscard]] std::unique_ptr<ByteSource> open(const std::string& file) const override;

 private:
  std::filesystem::path folder_;
  std::vector<std::string> files_;
};

}  // namespace membudget
