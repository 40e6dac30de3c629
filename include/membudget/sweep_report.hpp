// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/report.hpp"
#include "membudget/sweep.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A table per machine and runtime with the frontier of what fits marked, and, with style.bar, the
/// chart below each.
[[nodiscard]] std::string to_text(const Sweep& sweep, const TextStyle& style);
/// One JSON object by profiles/schema/sweep.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const Sweep& sweep);
/// RFC 4180 with a header, a record per point. Text that a spreadsheet would take for a formula
/// gets an apostrophe in front.
[[nodiscard]] std::string to_csv(const Sweep& sweep);
/// The tables as markdown, with the frontier of what fits marked.
[[nodiscard]] std::string to_markdown(const Sweep& sweep);
/// One page that needs nothing else: chart, tables, and the JSON in a script element of type
/// application/json with the id `sweep`.
[[nodiscard]] std::string to_html(const Sweep& sweep);

}  // namespace membudget
#pragma GCC visibility pop
