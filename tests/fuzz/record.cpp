// SPDX-License-Identifier: MIT
// The input is a line of a record file, and the output of a program that records are imported from.
#include "membudget/record.hpp"

#include <sstream>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"

namespace membudget::fuzz {

void record(std::string_view input) {
  if (const auto line = read_or_refuse([&] { return read_record(input, "line"); })) {
    const std::string written = to_json_line(*line);
    require(written.find('\n') == std::string::npos, "a record is one line");
    require(to_json_line(read_record(written, "written")) == written,
            "what is written is read back");
  }
  Record known;
  known.model = "known";
  const auto imported = read_twice(
      [&] {
        std::istringstream text{std::string(input)};
        return import_records(text, "output", known);
      },
      [](const RecordImport& read) {
        std::string out;
        for (const Record& each : read.records) {
          out += to_json_line(each) + "\n";
        }
        for (const std::string& note : read.notes) {
          check_printable(note, "notes are fit for a terminal");
        }
        return out;
      });
  if (imported) {
    for (const Record& each : imported->records) {
      static_cast<void>(read_record(to_json_line(each), "imported"));
    }
    static_cast<void>(summarize(imported->records));
  }
}

}  // namespace membudget::fuzz
