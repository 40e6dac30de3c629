// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "profile_kind.hpp"

namespace {

using membudget::ProfileKind;
using membudget::Profiles;
using nlohmann::ordered_json;

struct ShowOptions {
  std::string kind;
  std::string id;
  std::string profiles;
  bool json = false;
};

/// One line of the text: a figure and where it is from.
struct Figure {
  std::string name;
  std::string value;
  std::string source;
};

bool is_plain(const ordered_json& value) {
  return !value.is_object() && !value.is_array();
}

std::string text_of(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string out;
  for (const auto& item : value) out += (out.empty() ? "" : ", ") + text_of(item);
  return out;
}

/// Members of objects by their path, lists of plain values on one line.
void flatten(const std::string& name, const ordered_json& value, std::vector<Figure>& out) {
  const bool list = value.is_array() && std::ranges::all_of(value, is_plain);
  if (is_plain(value) || list) {
    out.push_back({name, text_of(value), ""});
    return;
  }
  std::size_t index = 0;
  for (const auto& [key, member] : value.items()) {
    const std::string step = value.is_array() ? fmt::format("[{}]", index++) : "." + key;
    flatten(name + step, member, out);
  }
}

/// The words between underscores.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> out{""};
  for (const char c : name) {
    if (c == '_' || c == '.' || c == '[') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

/// "sources": {"bandwidth": ...} is about bandwidth_gbs, {"cores": ...} about gpu_cores: the figure
/// that holds all words of the key, of several keys the longest.
std::string source_of(const std::string& figure, const ordered_json& sources) {
  const auto held = words_of(figure);
  std::string best;
  std::string out;
  for (const auto& [key, source] : sources.items()) {
    const bool about = std::ranges::all_of(words_of(key), [&](const std::string& word) {
      return std::ranges::find(held, word) != held.end();
    });
    if (about && key.size() > best.size()) {
      best = key;
      out = text_of(source);
    }
  }
  return out;
}

std::vector<Figure> figures_of(const ordered_json& profile) {
  const auto sources = profile.contains("sources") ? profile.at("sources") : ordered_json::object();
  std::vector<Figure> out;
  for (const auto& [key, value] : profile.items()) {
    if (key == "schema" || key == "sources" || key == "notes") continue;
    flatten(key, value, out);
  }
  if (sources.is_object()) {
    for (Figure& figure : out) figure.source = source_of(figure.name, sources);
  }
  return out;
}

/// What the common tables add to a chip's own file.
void add_working_sets(const membudget::Chip& chip, ordered_json& profile) {
  ordered_json sets = ordered_json::array();
  for (const auto& set : chip.working_sets) {
    ordered_json entry{{"macos_from", set.macos_from}};
    if (set.macos_to != 0) entry["macos_to"] = set.macos_to;
    entry["limit_bytes"] = set.limit.count();
    entry["rule"] = set.rule;
    entry["source"] = set.source;
    entry["observed"] = set.observed;
    sets.push_back(std::move(entry));
  }
  profile["working_sets"] = std::move(sets);
}

std::string working_set_lines(const membudget::Chip& chip) {
  std::string out = "\nMetal's working set\n";
  for (const auto& set : chip.working_sets) {
    const auto versions = set.macos_to == 0
                              ? fmt::format("macOS {} and later", set.macos_from)
                              : fmt::format("macOS {} to {}", set.macos_from, set.macos_to);
    out += fmt::format("  {:<20} {:>10}  {}{}\n{:24}{}\n", versions, to_text(set.limit), set.rule,
                       set.observed ? "" : ", predicted", "", set.source);
  }
  return out;
}

/// The number of a source in the list below the figures.
std::size_t number_of(const std::string& source, std::vector<std::string>& sources) {
  const auto known = std::ranges::find(sources, source);
  if (known != sources.end()) return static_cast<std::size_t>(known - sources.begin()) + 1;
  sources.push_back(source);
  return sources.size();
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:+.2f} %", 100 * *share) : "";
}

std::string plain(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "";
}

/// What was published about a quantization's losses, beside what documents claim of it.
std::string quality_lines(const Profiles& profiles, const std::string& name) {
  const auto table = profiles.quality_table();
  // Of an 8B model first, the size most figures are of; the others follow by how far they are.
  const auto figures = membudget::published_quality(table, name, 8'000'000'000);
  std::string out;
  std::vector<std::string> sources;
  if (!figures.empty()) {
    out += fmt::format("\npublished losses\n  {:<14} {:<8} {:>12} {:>9} {:>10}  source\n", "model",
                       "made", "perplexity", "mean KLD", "same top");
  }
  for (const auto& figure : figures) {
    out += fmt::format("  {:<14} {:<8} {:>12} {:>9} {:>10}  [{}]\n", figure.model, figure.method,
                       percent(figure.perplexity_increase), plain(figure.mean_kld),
                       figure.same_top ? fmt::format("{:.2f} %", 100 * *figure.same_top) : "",
                       number_of(figure.source, sources));
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    out += fmt::format("{}  [{}] {}\n", i == 0 ? "\n" : "", i + 1, sources[i]);
  }
  for (const auto& claim : membudget::claims_of(table, name)) {
    out += fmt::format("\nclaimed: {} ({})\nmeasured: {}\n", claim.claim, claim.document,
                       claim.measured);
  }
  return out;
}

std::string as_text(const ordered_json& profile) {
  const auto figures = figures_of(profile);
  std::size_t width = 0;
  for (const Figure& figure : figures) width = std::max(width, figure.name.size());
  std::vector<std::string> sources;
  std::string out;
  for (const Figure& figure : figures) {
    out += fmt::format("{:<{}}  {}", figure.name, width, figure.value);
    if (!figure.source.empty()) out += fmt::format("  [{}]", number_of(figure.source, sources));
    out += '\n';
  }
  if (!sources.empty()) out += "\nsources\n";
  for (std::size_t i = 0; i < sources.size(); ++i) {
    out += fmt::format("  [{}] {}\n", i + 1, sources[i]);
  }
  for (const char* section : {"sources", "notes"}) {
    if (profile.contains(section) && profile.at(section).is_array()) {
      out += fmt::format("\n{}\n", section);
      for (const auto& line : profile.at(section)) out += "  " + text_of(line) + '\n';
    }
  }
  return out;
}

Exit run(const ShowOptions& options) {
  const ProfileKind kind = membudget::kind_named(options.kind);
  const Profiles profiles = profiles_with(options.profiles);
  ordered_json profile = ordered_json::parse(profiles.document(kind, options.id));
  std::string more;
  if (kind == ProfileKind::chip) {
    const auto chip = profiles.chip(options.id);
    profile.erase("working_sets");
    more = working_set_lines(chip);
    if (options.json) add_working_sets(chip, profile);
  }
  if (kind == ProfileKind::quantization) {
    more = quality_lines(profiles, profile.at("name"));
  }
  write_result(options.json ? profile.dump(2) + "\n" : as_text(profile) + more, "");
  return exit_fits;
}

}  // namespace

void add_show(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("show", "One chip, model, ...: each figure, its source");
  auto options = std::make_shared<ShowOptions>();
  command->add_option("KIND", options->kind, "chip, model, quant, runtime or stack")->required();
  command->add_option("ID", options->id, "By any of its names")->required();
  command->add_option("--profiles", options->profiles, "Folder that adds to the built-in profiles")
      ->type_name("DIR");
  command->add_flag("--json", options->json, "The profile as JSON")->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
