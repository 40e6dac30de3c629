// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace membudget::test {

/// A folder of a test's own that goes away with it; tests run side by side.
class ScratchFolder {
 public:
  ScratchFolder() : path_(std::filesystem::path(::testing::TempDir()) / unique_name()) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }

 private:
  static std::string unique_name() {
    static int count = 0;
    return "membudget-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  }

  std::filesystem::path path_;
};

}  // namespace membudget::test
