// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>

/// What --help prints. CLI11's own looks different in every version, Homebrew's and Debian's among
/// them, and help is compared with what it was.
class HelpText : public CLI::FormatterBase {
 public:
  [[nodiscard]] std::string make_help(const CLI::App* command, std::string name,
                                      CLI::AppFormatMode mode) const override;
};
