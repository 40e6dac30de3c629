// SPDX-License-Identifier: MIT
#include "record_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "output.hpp"

using namespace membudget;

void RecordOptions::add_to(CLI::App& command) {
  command
      .add_option("--records", file,
                  "Record file; default: membudget/records.jsonl in your data folder")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("FILE");
}

RecordFile RecordOptions::records() const {
  if (!file.empty()) return RecordFile(file);
  const auto folder = data_folder();
  if (folder.empty()) {
    throw UsageError(Errc::io, "--records",
                     "neither HOME nor XDG_DATA_HOME says where your data is; name a file");
  }
  return RecordFile(folder / "records.jsonl");
}

RecordList read_records(const RecordOptions& options) {
  const RecordFile file = options.records();
  RecordList out = file.read();
  for (const UnreadableLine& line : out.unreadable) {
    std::string text =
        fmt::format("{}:{}: passed over: {}", file.path().string(), line.line, line.problem);
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
    fmt::print(stderr, "membudget: {}\n", text);
  }
  return out;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}
