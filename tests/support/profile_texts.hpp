// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace membudget::test {

/// The text of a compiled-in profile ("chips/m1-16gb.json"); a test failure when there is none.
[[nodiscard]] std::string embedded_text(std::string_view path);

/// `text` with its first `piece` replaced; a test failure when it holds none.
[[nodiscard]] std::string with(std::string text, std::string_view piece, std::string_view instead);

/// Writes a file, its folders included.
void write(const std::filesystem::path& path, std::string_view text);

}  // namespace membudget::test
