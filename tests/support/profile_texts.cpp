// SPDX-License-Identifier: MIT
#include "support/profile_texts.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "profiles/embedded.hpp"

namespace membudget::test {

std::string embedded_text(std::string_view path) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.path == path) {
      return std::string(file.text);
    }
  }
  ADD_FAILURE() << path << " is not embedded";
  return {};
}

std::string with(std::string text, std::string_view piece, std::string_view instead) {
  const auto at = text.find(piece);
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << piece;
    return text;
  }
  return text.replace(at, piece.size(), instead);
}

void write(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace membudget::test
