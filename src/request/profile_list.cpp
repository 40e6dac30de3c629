// SPDX-License-Identifier: MIT
#include "membudget/profile_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "ascii.hpp"
#include "membudget/request.hpp"

namespace membudget {
namespace {

struct KindWords {
  ProfileKind kind;
  std::string_view plural;
  std::array<std::string_view, 3> others;
};

constexpr std::array<KindWords, 5> kind_words{
    {{ProfileKind::chip, "chips", {"chip", "macs", "mac"}},
     {ProfileKind::model, "models", {"model", "", ""}},
     {ProfileKind::quantization, "quants", {"quant", "quantizations", "quantization"}},
     {ProfileKind::runtime, "runtimes", {"runtime", "", ""}},
     {ProfileKind::stack, "stacks", {"stack", "", ""}}}};

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

/// Every name a profile answers to: id, tags, repository, aliases.
std::vector<std::string> names_in(const std::string& id, const nlohmann::json& profile) {
  std::vector<std::string> out{id};
  for (const char* key : {"ollama", "aliases"}) {
    // A runtime's "ollama" are rules, not names.
    if (profile.contains(key) && profile.at(key).is_array()) {
      for (const auto& name : profile.at(key)) out.push_back(name);
    }
  }
  for (const char* key : {"hf", "name"}) {
    if (profile.contains(key)) out.push_back(profile.at(key));
  }
  return out;
}

struct Listed {
  std::string id;
  nlohmann::json profile;
};

std::vector<Listed> listed(const Profiles& profiles, ProfileKind kind, std::string_view part) {
  std::vector<Listed> out;
  // Quantizations by their bits, so that the list reads from fine to coarse.
  const auto ids =
      kind == ProfileKind::quantization ? profiles.quantization_names() : profiles.ids(kind);
  for (const std::string& id : ids) {
    auto profile = nlohmann::json::parse(profiles.document(kind, id));
    const auto names = names_in(id, profile);
    if (std::ranges::any_of(
            names, [&](const std::string& name) { return contains_ignoring_case(name, part); })) {
      out.push_back({id, std::move(profile)});
    }
  }
  return out;
}

}  // namespace

ProfileKind kind_named(std::string_view word) {
  for (const KindWords& known : kind_words) {
    if (!word.empty() &&
        (word == known.plural || std::ranges::find(known.others, word) != known.others.end())) {
      return known.kind;
    }
  }
  throw RequestError(
      Errc::bad_request, "KIND",
      fmt::format("'{}' is not known; use chips, models, quants, runtimes or stacks", word));
}

std::string_view plural_of(ProfileKind kind) {
  return kind_words[static_cast<std::size_t>(kind)].plural;
}

std::vector<std::string> names_of(const Profiles& profiles, ProfileKind kind, std::string_view id) {
  return names_in(std::string(id), nlohmann::json::parse(profiles.document(kind, id)));
}

std::vector<std::string> listed_ids(const Profiles& profiles, ProfileKind kind,
                                    std::string_view part) {
  std::vector<std::string> out;
  for (auto& each : listed(profiles, kind, part)) out.push_back(std::move(each.id));
  return out;
}

std::string list_json(const Profiles& profiles, ProfileKind kind, std::string_view part) {
  // The profiles themselves: what a table leaves out is a question away otherwise.
  nlohmann::ordered_json out{{"schema", "membudget.list/1"}, {"kind", to_string(kind)}};
  auto all = nlohmann::ordered_json::array();
  for (const Listed& each : listed(profiles, kind, part)) {
    all.push_back(nlohmann::ordered_json(each.profile));
  }
  out["profiles"] = std::move(all);
  return out.dump(2) + "\n";
}

}  // namespace membudget
