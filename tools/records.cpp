// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "record_options.hpp"

namespace {

using namespace membudget;
using nlohmann::ordered_json;

struct RecordsOptions : RecordOptions {
  std::string model;
  bool list = false;
  bool json = false;
};

std::string figure(const std::optional<double>& value) {
  if (!value) return "";
  return *value < 10    ? fmt::format("{:.2f}", *value)
         : *value < 100 ? fmt::format("{:.1f}", *value)
                        : fmt::format("{:.0f}", *value);
}

using RecordsRow = std::array<std::string, 9>;

/// Figures to the right, names to the left, each column as wide as its widest cell.
std::string table(const std::vector<RecordsRow>& rows) {
  std::array<std::size_t, 9> widths{};
  for (const RecordsRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const RecordsRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      // A column that nobody has a figure for is left out; its head alone says nothing.
      const bool empty = std::all_of(rows.begin() + 1, rows.end(),
                                     [i](const RecordsRow& each) { return each[i].empty(); });
      if (empty) continue;
      line += line.empty() ? "" : "  ";
      line += i < 3 ? fmt::format("{:<{}}", row[i], widths[i])
                    : fmt::format("{:>{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

/// Names come from files and may hold anything.
std::string plain(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text;
}

std::string summary_text(const std::vector<RecordGroup>& groups) {
  std::vector<RecordsRow> rows{{"model", "quant", "chip", "records", "tokens/s", "prompt/s",
                                "first ms", "memory", "rating"}};
  for (const RecordGroup& group : groups) {
    rows.push_back({plain(group.model), plain(group.quantization), plain(group.chip),
                    fmt::format("{}", group.records), figure(group.generation_tps),
                    figure(group.prompt_tps),
                    group.first_token_ms ? fmt::format("{:.0f}", *group.first_token_ms) : "",
                    group.memory ? to_text(*group.memory) : "",
                    group.rating ? fmt::format("{:.1f}", *group.rating) : ""});
  }
  return table(rows);
}

std::string list_text(const std::vector<Record>& records) {
  std::vector<RecordsRow> rows{
      {"model", "quant", "chip", "time", "tokens/s", "prompt/s", "first ms", "memory", "rating"}};
  for (const Record& record : records) {
    rows.push_back({plain(record.model), plain(record.quantization), plain(record.chip),
                    plain(record.time), figure(record.generation_tps), figure(record.prompt_tps),
                    record.first_token_ms ? fmt::format("{:.0f}", *record.first_token_ms) : "",
                    record.memory ? to_text(*record.memory) : "",
                    record.rating ? fmt::format("{}", *record.rating) : ""});
  }
  return table(rows);
}

ordered_json json_of(const RecordGroup& group) {
  ordered_json out{{"model", group.model},
                   {"quantization", group.quantization},
                   {"chip", group.chip},
                   {"records", group.records}};
  const auto put = [&](const char* key, const auto& value) {
    if (value) out[key] = *value;
  };
  put("generation_tps", group.generation_tps);
  put("prompt_tps", group.prompt_tps);
  put("first_token_ms", group.first_token_ms);
  if (group.memory) out["memory_bytes"] = group.memory->count();
  put("rating", group.rating);
  out["last"] = group.last;
  return out;
}

Exit run(const RecordsOptions& options) {
  RecordList list = read_records(options);
  if (!options.model.empty()) {
    std::erase_if(list.records,
                  [&](const Record& record) { return record.model != options.model; });
  }
  if (options.list && options.json) {
    std::string lines;
    for (const Record& record : list.records) lines += to_json_line(record) + "\n";
    write_result(lines, "");
    return exit_fits;
  }
  const auto groups = summarize(list.records);
  if (options.json) {
    ordered_json out{{"schema", "membudget.records/1"}, {"groups", ordered_json::array()}};
    for (const RecordGroup& group : groups) out["groups"].push_back(json_of(group));
    out["unreadable_lines"] = list.unreadable.size();
    write_result(out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n", "");
    return exit_fits;
  }
  if (list.records.empty()) {
    fmt::print(stderr, "membudget: {}: no records{}; membudget record keeps one\n",
               options.records().path().string(),
               options.model.empty() ? "" : fmt::format(" of '{}'", options.model));
    return exit_fits;
  }
  write_result(options.list ? list_text(list.records) : summary_text(groups), "");
  return exit_fits;
}

}  // namespace

void add_records(CLI::App& program, Exit& exit) {
  auto* command =
      program.add_subcommand("records", "What was recorded, summed up by model and Mac");
  auto options = std::make_shared<RecordsOptions>();
  command->add_option("MODEL", options->model, "Only records of this model");
  options->add_to(*command);
  command->add_flag("--list", options->list, "Every record; with --json as it stands in the file")
      ->group("Output");
  command->add_flag("--json", options->json, "For programs")->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
