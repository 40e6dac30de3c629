// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>

// What nobody knows on a command line, and what may have been meant.

/// The one of `words` that `word` may be a slip or the beginning of; empty when none is near.
[[nodiscard]] std::string nearest_word(std::string_view word, std::span<const std::string> words);

/// "there is no command 'plna'; did you mean plan?"
[[nodiscard]] std::string unknown_command(std::string_view word,
                                          std::span<const std::string> commands);

/// The same of the first argument that the program took for nothing, an option if there is one.
/// Empty when all were taken.
[[nodiscard]] std::string unknown_argument(const CLI::App& program);

/// The command that the arguments named last, after "record import" `import`; the program itself
/// when they named none.
[[nodiscard]] const CLI::App& named_command(const CLI::App& program);

/// `problem`, and where the options of `command` are told.
[[nodiscard]] std::string with_help_of(const CLI::App& command, const std::string& problem);
