// SPDX-License-Identifier: MIT
#include "help_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace {

using Row = std::pair<std::string, std::string>;

/// "-c,--ctx-size N", "MODEL...".
std::string title(const CLI::Option& option) {
  const bool repeats = option.get_items_expected_max() > 1;
  if (option.get_positional()) return option.get_single_name() + (repeats ? "..." : "");
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  const bool has_value = option.get_items_expected_max() > 0 && option.get_type_size_max() > 0;
  return fmt::format("{}{}", fmt::join(names, ","),
                     has_value ? " " + option.get_type_name() : std::string());
}

std::vector<Row> options_of(const CLI::App& command, bool positional, const std::string& group) {
  std::vector<Row> out;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() == positional && (positional || option->get_group() == group)) {
      out.emplace_back(title(*option), option->get_description());
    }
  }
  return out;
}

void add_rows(std::string& out, const std::string& heading, const std::vector<Row>& rows,
              std::size_t column) {
  if (rows.empty()) return;
  out += fmt::format("\n{}:\n", heading);
  for (const auto& [name, text] : rows) {
    // A name that is as wide as its column stands on a line of its own.
    const bool beside = name.size() + 4 <= column;
    out += beside ? fmt::format("  {:<{}}{}\n", name, column - 2, text)
                  : fmt::format("  {}\n{:{}}{}\n", name, "", column, text);
  }
}

std::string usage(const CLI::App& command, const std::string& name) {
  std::string out = fmt::format("Usage: {} [OPTIONS]", name);
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    out += option->get_required() ? fmt::format(" {}", title(*option))
                                  : fmt::format(" [{}]", title(*option));
  }
  const bool commands = !command.get_subcommands({}).empty();
  if (commands) out += command.get_require_subcommand_min() > 0 ? " SUBCOMMAND" : " [SUBCOMMAND]";
  return out + "\n";
}

}  // namespace

std::string HelpText::make_help(const CLI::App* command, std::string name,
                                CLI::AppFormatMode mode) const {
  static_cast<void>(mode);  // Nobody asks for the help of all commands at once.
  std::string out = command->get_description() + "\n" + usage(*command, name);
  const std::size_t column = get_column_width();
  add_rows(out, "Positionals", options_of(*command, true, ""), column);
  for (const std::string& group : command->get_groups()) {
    // The group of what has none is in capitals from CLI11 2.5 on; "" hides.
    const std::string heading = group == "OPTIONS" ? "Options" : group;
    if (!group.empty()) add_rows(out, heading, options_of(*command, false, group), column);
  }
  std::vector<Row> commands;
  for (const CLI::App* each : command->get_subcommands({})) {
    commands.emplace_back(each->get_name(), each->get_description());
  }
  add_rows(out, "Subcommands", commands, column);
  return out;
}
