// SPDX-License-Identifier: MIT
#include "membudget/profiles.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "profiles/documents.hpp"
#include "profiles/embedded.hpp"

namespace membudget {
namespace {

constexpr std::string_view working_sets_name = "working_sets.json";
constexpr std::string_view tokenizers_name = "tokenizers.json";
constexpr std::string_view speed_name = "speed.json";
constexpr std::string_view quality_name = "quality.json";
constexpr std::string_view budget_name = "budget.json";
constexpr std::string_view links_name = "links.json";
constexpr std::string_view advice_name = "advice.json";
constexpr std::string_view capability_name = "capability.json";
constexpr std::string_view serving_name = "serving.json";
constexpr std::string_view health_name = "health.json";
constexpr std::string_view calibration_name = "calibration.json";

/// The kind at a place of Profiles::Store::by_kind.
const Kind& kind_at(std::size_t index) {
  return details(static_cast<ProfileKind>(index));
}

}  // namespace

Profiles::Profiles(std::shared_ptr<const Store> store) : store_(std::move(store)) {}

Profiles Profiles::embedded() {
  static const std::shared_ptr<const Store> store = [] {
    auto out = std::make_shared<Store>();
    for (const EmbeddedFile& file : embedded_files()) {
      Document document{fmt::format("profiles/{}", file.path), file.text, nullptr};
      const auto folder = file.path.substr(0, file.path.find('/'));
      if (folder == file.path) {
        out->tables.emplace_hint(out->tables.end(), file.path, std::move(document));
        continue;
      }
      for (std::size_t kind = 0; kind < kind_count; ++kind) {
        if (folder == kind_at(kind).folder) {
          Documents& documents = out->by_kind[kind];
          documents.emplace_hint(documents.end(), stem_of(file.path), std::move(document));
          break;
        }
      }
    }
    return out;
  }();
  return Profiles(store);
}

Profiles Profiles::overlaid_with(const std::filesystem::path& folder) const {
  auto out = std::make_shared<Store>(*store_);
  std::error_code code;
  if (!std::filesystem::is_directory(folder, code)) {
    throw Error(Errc::io, folder.string(),
                "is not a folder that can be read; name one laid out as profiles/ is");
  }
  bool any = false;
  for (std::size_t kind = 0; kind < kind_count; ++kind) {
    const auto path = folder / kind_at(kind).folder;
    if (!std::filesystem::is_directory(path, code)) {
      continue;
    }
    any = true;
    for (Document& document : read_folder(path)) {
      // Decoded at once: a fault in a user's own file must not hide until its name is asked for.
      static_cast<void>(kind_at(kind).names(document));
      out->by_kind[kind].insert_or_assign(stem_of(document.file), std::move(document));
    }
  }
  for (const std::string_view name :
       {working_sets_name, tokenizers_name, speed_name, quality_name, budget_name, advice_name,
        capability_name, health_name, calibration_name, links_name, serving_name}) {
    if (const auto path = folder / name; std::filesystem::exists(path, code)) {
      any = true;
      out->tables.insert_or_assign(std::string(name), read_document(path));
    }
  }
  if (!any) {
    throw Error(Errc::io, folder.string(),
                "holds no profiles; expected chips/, models/, quants/, runtimes/ or stacks/ with "
                ".json files");
  }
  static_cast<void>(out->table(working_sets_name, decode_working_sets));
  static_cast<void>(out->table(tokenizers_name, decode_tokenizers));
  static_cast<void>(out->table(speed_name, decode_speed));
  static_cast<void>(out->table(quality_name, decode_quality));
  static_cast<void>(out->table(budget_name, decode_budget));
  static_cast<void>(out->table(advice_name, decode_advice));
  static_cast<void>(out->table(capability_name, decode_capability));
  static_cast<void>(out->table(serving_name, decode_serving));
  static_cast<void>(out->table(health_name, decode_health));
  static_cast<void>(out->table(calibration_name, decode_calibration));
  static_cast<void>(out->table(links_name, decode_links));
  return Profiles(std::move(out));
}

namespace {

/// What a profile's text says it is.
struct StatedProfile {
  ProfileKind kind = ProfileKind::chip;
  std::string id;
};

StatedProfile stated_profile(std::string_view text) {
  Faults faults("profile", text);
  const auto value = parse_profile(faults);
  faults.throw_first();
  const auto stated = [&](const char* key) -> std::string {
    if (!value || !value->is_object()) return "";
    const auto found = value->find(key);
    return found != value->end() && found->is_string() ? found->get<std::string>() : "";
  };
  for (const auto kind : {ProfileKind::chip, ProfileKind::model, ProfileKind::quantization,
                          ProfileKind::runtime, ProfileKind::stack}) {
    if (stated("schema") != fmt::format("membudget.{}/1", to_string(kind))) {
      continue;
    }
    auto id = stated("id");
    if (id.empty()) {
      faults.add("/id", "is missing; give the profile a name of lower-case letters, digits and -");
      faults.throw_first();
    }
    return {kind, std::move(id)};
  }
  faults.add("/schema",
             "must be membudget.chip/1, membudget.model/1, membudget.quantization/1, "
             "membudget.runtime/1 or membudget.stack/1");
  faults.throw_first();
  return {};
}

}  // namespace

Profiles Profiles::overlaid_with_profile(std::string_view json) const {
  const auto stated = stated_profile(json);
  const Kind& kind = details(stated.kind);
  auto text = std::make_shared<const std::string>(json);
  // Named like the file it could be: profiles hold their file's name.
  Document document{fmt::format("{}/{}.json", kind.folder, stated.id), *text, text};
  try {
    static_cast<void>(kind.names(document));
  } catch (const Error& error) {
    const auto hash = error.where().find('#');
    throw Error(error.code(),
                hash == std::string::npos ? "profile" : "profile" + error.where().substr(hash),
                error.what() + error.where().size() + 2);
  }
  auto out = std::make_shared<Store>(*store_);
  out->by_kind[static_cast<std::size_t>(stated.kind)].insert_or_assign(stated.id,
                                                                       std::move(document));
  return Profiles(std::move(out));
}

namespace {

Chip completed(const Document& document, const WorkingSetTable& limits, const BudgetTable& budget) {
  ChipProfile profile = decode(decode_chip, document.file, document.text);
  Chip& chip = profile.chip;
  if (chip.working_sets.empty()) {
    chip.working_sets = limits.of_ram(chip.ram);
  }
  budget.complete(chip, profile.safety_margin);
  return chip;
}

}  // namespace

Chip Profiles::chip(std::string_view id) const {
  const Document& document = find(ProfileKind::chip, store_->of(ProfileKind::chip), id);
  return completed(document, store_->table(working_sets_name, decode_working_sets),
                   store_->table(budget_name, decode_budget));
}

ThisMachine Profiles::this_machine(const HostReadings& readings) const {
  const auto limits = store_->table(working_sets_name, decode_working_sets);
  const auto budget = store_->table(budget_name, decode_budget);
  std::vector<Chip> chips;
  if (readings.system == System::macos) {
    for (const auto& [id, document] : store_->of(ProfileKind::chip)) {
      chips.push_back(completed(document, limits, budget));
    }
  }
  return membudget::this_machine(readings, chips, budget.host_rules());
}

AdviceRules Profiles::advice_rules() const {
  return store_->table(advice_name, decode_advice);
}

std::vector<ReservePreset> Profiles::reserves() const {
  return store_->table(budget_name, decode_budget).reserves;
}

Link Profiles::link(std::string_view id) const {
  const std::vector<Link> known = store_->table(links_name, decode_links);
  std::vector<std::string> ids;
  for (const Link& link : known) {
    if (link.id == plain(id)) {
      return link;
    }
    ids.push_back(link.id);
  }
  throw Error(Errc::unknown_name, "",
              fmt::format("'{}' is not a known link; known are {}", id, fmt::join(ids, ", ")));
}

ReservePreset Profiles::reserve(std::string_view id) const {
  const std::vector<ReservePreset> known = reserves();
  std::vector<std::string> ids;
  for (const ReservePreset& preset : known) {
    if (preset.id == plain(id)) {
      return preset;
    }
    ids.push_back(preset.id);
  }
  throw Error(Errc::unknown_name, "",
              fmt::format("'{}' is neither a size such as 4GiB nor a known reserve; known are {}",
                          id, fmt::join(ids, ", ")));
}

std::optional<SpeedRules> Profiles::speed_rules(const Runtime& runtime) const {
  if (runtime.defaults.backend == Backend::cpu) {
    return std::nullopt;  // All of them were measured on GPUs.
  }
  const SpeedTable speeds = store_->table(speed_name, decode_speed);
  const auto known =
      std::find_if(speeds.runtimes.begin(), speeds.runtimes.end(),
                   [&](const SpeedTable::Runtime& each) { return each.runtime == runtime.id; });
  const bool listed = known != speeds.runtimes.end();
  const SpeedRules* engine = speeds.of_engine(listed ? known->engine : to_string(runtime.engine));
  if (engine == nullptr) {
    return std::nullopt;
  }
  SpeedRules rules = *engine;
  rules.token_us = listed ? known->token_us : 0;
  return rules;
}

QualityTable Profiles::quality_table() const {
  return store_->table(quality_name, decode_quality);
}

CapabilityRules Profiles::capability_rules() const {
  return store_->table(capability_name, decode_capability);
}

ServingRules Profiles::serving_rules() const {
  return store_->table(serving_name, decode_serving);
}

StackProfile Profiles::stack(std::string_view id) const {
  const Document& document = find(ProfileKind::stack, store_->of(ProfileKind::stack), id);
  return decode(decode_stack, document.file, document.text);
}

StackProfile read_stack(const std::filesystem::path& file) {
  const Document document = read_document(file);
  return decode(decode_stack, document.file, document.text);
}

HealthRules Profiles::health_rules() const {
  return store_->table(health_name, decode_health);
}

CalibrationRules Profiles::calibration_rules() const {
  return store_->table(calibration_name, decode_calibration);
}

std::vector<CatalogEntry> Profiles::catalog() const {
  std::vector<CatalogEntry> out;
  for (const auto& [id, document] : store_->of(ProfileKind::model)) {
    ModelProfile profile = decode(decode_model, document.file, document.text);
    const auto context =
        std::find_if(profile.metadata.begin(), profile.metadata.end(),
                     [](const auto& entry) { return entry.first == "context_length"; });
    const auto* tokens =
        context == profile.metadata.end() ? nullptr : std::get_if<std::int64_t>(&context->second);
    out.push_back({.id = id,
                   .name = std::move(profile.name),
                   .family = std::move(profile.family),
                   .modality = std::move(profile.modality),
                   .parameters = profile.parameters,
                   .active_parameters = profile.active_parameters > 0 ? profile.active_parameters
                                                                      : profile.parameters,
                   .trained_context = tokens == nullptr ? 0 : *tokens,
                   .default_quantization = std::move(profile.default_quantization),
                   .ollama = std::move(profile.ollama),
                   .repository = std::move(profile.repository)});
  }
  return out;
}

std::vector<std::string> Profiles::ids(ProfileKind kind) const {
  std::vector<std::string> out;
  for (const auto& [id, document] : store_->of(kind)) out.push_back(id);
  return out;
}

std::string_view Profiles::document(ProfileKind kind, std::string_view name) const {
  return find(kind, store_->of(kind), name).text;
}

std::string_view to_string(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::chip:
      return "chip";
    case ProfileKind::model:
      return "model";
    case ProfileKind::quantization:
      return "quantization";
    case ProfileKind::runtime:
      return "runtime";
    case ProfileKind::stack:
      return "stack";
  }
  return "";
}

}  // namespace membudget
