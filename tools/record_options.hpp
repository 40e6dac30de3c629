// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "membudget/membudget.hpp"

/// Where the records are, as it was typed.
struct RecordOptions {
  std::string file;

  void add_to(CLI::App& command);
  /// --records, else records.jsonl in the user's data folder. Throws UsageError where there is
  /// none.
  [[nodiscard]] membudget::RecordFile records() const;
};

/// Reads all records and tells on standard error of each line that is none.
[[nodiscard]] membudget::RecordList read_records(const RecordOptions& options);

/// "2026-01-31T12:00:00Z"
[[nodiscard]] std::string utc_now();
