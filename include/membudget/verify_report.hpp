// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "membudget/report.hpp"
#include "membudget/verify.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A log with all that was compared.
struct VerifyReport {
  std::vector<Verification> runs;  ///< One for each load.
  std::int64_t forgotten = 0;      ///< Loads before those.
  std::int64_t cut_lines = 0;
};

/// For people, as `verify` prints it; with a final newline.
[[nodiscard]] std::string to_text(const VerifyReport& report, const TextStyle& style);
/// One JSON object by profiles/schema/verify.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const VerifyReport& report);
/// The same as tables of markdown.
[[nodiscard]] std::string to_markdown(const VerifyReport& report);

/// A block to paste into a bug report: numbers, settings and the catalog's own names, nothing that
/// stands in the log as text but architecture, types and Apple's name of the chip.
[[nodiscard]] std::string bug_report(const VerifyReport& report);

}  // namespace membudget
#pragma GCC visibility pop
