// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "membudget/record.hpp"
#include "records/limits.hpp"
#include "records/line_file.hpp"

namespace membudget {
namespace {

// A record has some hundred bytes.

/// The message of an error with the member it is about, without the file.
std::string problem_of(const Error& error, const std::string& where) {
  std::string_view text = error.what();
  if (text.starts_with(where)) {
    text.remove_prefix(where.size());
    text.remove_prefix(text.starts_with("#/") ? 2 : std::min<std::size_t>(2, text.size()));
  }
  return std::string(text);
}

}  // namespace

void RecordFile::append(std::span<const Record> records) const {
  if (records.empty()) {
    return;
  }
  std::string lines;
  for (const Record& record : records) {
    lines += to_json_line(record) + "\n";
  }
  append_lines(path_, lines);
}

RecordList RecordFile::read() const {
  RecordList out;
  const std::string where = path_.string();
  read_lines(path_, longest_line, [&](const FileLine& line) {
    const bool blank = std::all_of(line.text.begin(), line.text.end(),
                                   [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
    if (blank && !line.too_long) {
      return;
    }
    if (line.too_long) {
      out.unreadable.push_back({line.number, "is longer than any record"});
      return;
    }
    try {
      out.records.push_back(read_record(line.text, where));
    } catch (const Error& error) {
      out.unreadable.push_back(
          {line.number, line.ended ? problem_of(error, where)
                                   : "is cut off in the middle; nothing else is lost"});
    }
  });
  return out;
}

}  // namespace membudget
