// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "profile_kind.hpp"

namespace {

using membudget::ProfileKind;
using membudget::Profiles;
using nlohmann::json;
using nlohmann::ordered_json;

struct ListOptions {
  std::string kind;
  std::string filter;
  std::string profiles;
  bool quiet = false;
  bool names = false;
  bool json = false;
};

struct Column {
  std::string_view title;
  bool number = false;
  /// The cell of a profile as text, and as a JSON member of the title's name.
  std::function<ordered_json(const Profiles&, const std::string& id, const json& profile)> cell;
};

ordered_json text_of(const json& profile, const char* key) {
  return profile.contains(key) ? ordered_json(profile.at(key)) : ordered_json("");
}

Column member(std::string_view title, const char* key, bool number = false) {
  return {title, number, [key](const Profiles&, const std::string&, const json& profile) {
            return text_of(profile, key);
          }};
}

std::string billions(std::int64_t count) {
  return fmt::format("{:.2f}B", static_cast<double>(count) / 1e9);
}

/// Metal's limit of a Mac under one macOS; empty where that macOS has none that is known.
std::string limit_under(const Profiles& profiles, const std::string& id, std::int64_t macos) {
  const auto chip = profiles.chip(id);
  for (const auto& set : chip.working_sets) {
    if (macos >= set.macos_from && (set.macos_to == 0 || macos <= set.macos_to)) {
      return fmt::format("{}{}", to_text(set.limit), set.observed ? "" : " ?");
    }
  }
  return "";
}

/// Bits that a weight of most matrices takes, with its share of scales.
double bits_of(const json& quantization) {
  if (quantization.contains("base")) {
    const auto type = membudget::element_type_of_name(quantization.at("base").get<std::string>());
    const auto& format = membudget::format_of(type.value());
    return 8.0 * static_cast<double>(format.block_bytes) /
           static_cast<double>(format.block_elements);
  }
  if (!quantization.contains("mode")) {
    const double floats = quantization.at("floats") == "f32" ? 32 : 16;
    if (!quantization.contains("bits")) return floats;
    // Numbers do not cross words of 32 bits: ten of 3 bits take as much as eight of 4.
    const int bits = quantization.at("bits");
    const int in_a_word = 32 / bits;
    return 32.0 / in_a_word + floats / quantization.at("group_size").get<double>();
  }
  const std::string mode = quantization.at("mode");
  // A scale of one byte, or in affine mode scale and bias of two each.
  const double more = mode == "affine" ? 32 : mode == "none" ? 0 : 8;
  return quantization.at("bits").get<double>() + more / quantization.at("group_size").get<double>();
}

std::vector<Column> columns_of(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::chip:
      return {member("id", "id"),
              member("chip", "name"),
              member("GPU", "gpu_cores", true),
              member("RAM GiB", "ram_gib", true),
              member("GB/s", "bandwidth_gbs", true),
              {"macOS 15", true,
               [](const Profiles& profiles, const std::string& id, const json&) -> ordered_json {
                 return limit_under(profiles, id, 15);
               }},
              {"macOS 26", true,
               [](const Profiles& profiles, const std::string& id, const json&) -> ordered_json {
                 return limit_under(profiles, id, 26);
               }}};
    case ProfileKind::model:
      return {member("id", "id"),
              member("architecture", "architecture"),
              {"parameters", true,
               [](const Profiles&, const std::string&, const json& profile) -> ordered_json {
                 return billions(profile.at("parameters"));
               }},
              {"active", true,
               [](const Profiles&, const std::string&, const json& profile) -> ordered_json {
                 return profile.contains("active_parameters")
                            ? billions(profile.at("active_parameters"))
                            : "";
               }},
              {"context", true,
               [](const Profiles&, const std::string&, const json& profile) -> ordered_json {
                 return profile.at("metadata").at("context_length");
               }},
              member("usual", "default_quantization"),
              member("kind", "modality")};
    case ProfileKind::quantization:
      return {member("name", "name"),
              member("format", "format"),
              {"bits", true,
               [](const Profiles&, const std::string&, const json& profile) -> ordered_json {
                 return fmt::format("{:.2f}", bits_of(profile));
               }},
              member("what", "summary")};
    case ProfileKind::runtime:
      return {
          member("id", "id"),
          member("engine", "engine"),
          {"version", false,
           [](const Profiles& profiles, const std::string& id, const json&) -> ordered_json {
             return profiles.runtime(id).version;
           }},
          {"what", false,
           [](const Profiles&, const std::string&, const json& profile) -> ordered_json {
             return profile.at(profile.contains("summary") ? "summary" : "name").get<std::string>();
           }}};
    case ProfileKind::stack:
      return {member("id", "id"),
              member("chip", "chip"),
              {"models", true,
               [](const Profiles&, const std::string&, const json& profile) -> ordered_json {
                 return profile.at("members").size();
               }},
              member("name", "name")};
  }
  return {};
}

struct ListRow {
  std::string id;
  json profile;
};

std::vector<ListRow> rows_of(const Profiles& profiles, ProfileKind kind,
                             const std::vector<std::string>& ids) {
  std::vector<ListRow> out;
  out.reserve(ids.size());
  for (const std::string& id : ids) {
    out.push_back({id, json::parse(profiles.document(kind, id))});
  }
  return out;
}

std::string cell_text(const ordered_json& cell) {
  return cell.is_string() ? cell.get<std::string>() : cell.dump();
}

std::string as_table(const Profiles& profiles, ProfileKind kind, const std::vector<ListRow>& rows) {
  const auto columns = columns_of(kind);
  std::vector<std::vector<std::string>> cells(1);
  for (const Column& column : columns) cells.front().emplace_back(column.title);
  for (const ListRow& row : rows) {
    auto& line = cells.emplace_back();
    for (const Column& column : columns) {
      line.push_back(cell_text(column.cell(profiles, row.id, row.profile)));
    }
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : cells) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += columns[i].number ? fmt::format("{:>{}}  ", line[i], widths[i])
                                : fmt::format("{:<{}}  ", line[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
  return out;
}

Exit run(const ListOptions& options) {
  const ProfileKind kind = membudget::kind_named(options.kind);
  const Profiles profiles = profiles_with(options.profiles);
  const auto ids = listed_ids(profiles, kind, options.filter);
  if (ids.empty()) {
    throw UsageError(
        membudget::Errc::unknown_name, options.filter.empty() ? "KIND" : "FILTER",
        options.filter.empty()
            ? fmt::format("no {} are built in; --profiles DIR adds your own", plural_of(kind))
            : fmt::format("no name of {} holds '{}'; leave it out to see all", plural_of(kind),
                          options.filter));
  }
  if (options.json) {
    write_result(list_json(profiles, kind, options.filter), "");
    return exit_fits;
  }
  if (options.quiet || options.names) {
    std::string out;
    for (const std::string& id : ids) {
      const auto names = options.names ? names_of(profiles, kind, id) : std::vector{id};
      for (const std::string& name : names) out += name + '\n';
    }
    write_result(out, "");
    return exit_fits;
  }
  write_result(as_table(profiles, kind, rows_of(profiles, kind, ids)), "");
  return exit_fits;
}

}  // namespace

void add_list(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("list", "What is known: chips, models, quants, ...");
  auto options = std::make_shared<ListOptions>();
  command->add_option("KIND", options->kind, "chips, models, quants, runtimes or stacks")
      ->required();
  command->add_option("FILTER", options->filter, "Only what has this in one of its names");
  command->add_option("--profiles", options->profiles, "Folder that adds to the built-in profiles")
      ->type_name("DIR");
  command->add_flag("-q,--quiet", options->quiet, "The bare ids, one a line")->group("Output");
  command->add_flag("--names", options->names, "Every name each is known by, one a line")
      ->group("Output");
  command->add_flag("--json", options->json, "The profiles as one JSON object")->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
