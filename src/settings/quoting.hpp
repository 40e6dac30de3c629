// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace membudget::settings {

/// One word of a POSIX shell that is exactly `text`, which must not hold a NUL.
[[nodiscard]] std::string shell_word(std::string_view text);

/// A path that no program takes for an option or a home folder: "./-x.gguf".
[[nodiscard]] std::string plain_path(std::string_view path);

/// `text` behind "# ", on one line whatever it holds.
[[nodiscard]] std::string comment(std::string_view text);

/// A value of a Modelfile instruction that Ollama reads back as `text`; nothing where there is
/// none: its parser drops what does not print, and has no escapes (ollama parser/parser.go).
[[nodiscard]] std::optional<std::string> modelfile_value(std::string_view text);

/// Lines joined by newlines.
[[nodiscard]] std::string joined(const std::vector<std::string>& lines);

}  // namespace membudget::settings
