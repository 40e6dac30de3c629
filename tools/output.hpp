// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "membudget/error.hpp"
#include "membudget/report.hpp"
#include "membudget/request.hpp"

/// Wrong usage, exit code 2, whatever the library calls it.
using UsageError = membudget::RequestError;

/// Throws the UsageError of an option, with its reason and its remedy.
[[noreturn]] void refuse_option(const std::string& option, const std::string& reason);

/// Exit codes, as documented for scripts.
enum Exit {
  exit_fits = 0,
  exit_does_not_fit = 1,
  exit_usage = 2,
  exit_unreadable = 3,
  exit_network = 4,
  // Of `health --exit-code`, apart from all of those.
  exit_downgrade = 10,
  exit_upgrade = 11
};

/// Refusing one of several choices is an answer; what cannot be read, and a name nobody knows, ends
/// the command.
[[nodiscard]] bool is_refusal(const membudget::Error& error);

[[nodiscard]] Exit exit_of(const membudget::Error& error);

/// One line on standard error and, with `json`, an object on standard output.
Exit fail(const membudget::Error& error, bool json);

/// How text looks on this terminal: colour only on a terminal without NO_COLOR, block characters
/// by locale, never wider than 80 columns.
[[nodiscard]] membudget::TextStyle terminal_style(bool to_file, bool plain);

/// Writes a result to `file`, or to standard output when it is empty or "-". A file appears
/// complete or not at all. Throws UsageError when it cannot be written.
void write_result(std::string_view result, const std::string& file);
