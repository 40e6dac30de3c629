// SPDX-License-Identifier: MIT
#include "membudget/profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <tuple>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "profiles/catalog_model.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
#include "profiles/mlx_uploads.hpp"
#include "profiles/nearest.hpp"

namespace membudget {
namespace {

/// One profile that nobody has read yet.
struct Document {
  std::string file;  ///< As faults name it.
  std::string_view text;
  std::shared_ptr<const std::string> owner;  ///< Keeps `text` alive; empty when compiled in.
};

using Documents = std::map<std::string, Document, std::less<>>;  // by id

constexpr std::string_view latest = ":latest";
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

/// How a user may write a name: any case, Ollama's default tag spelt out.
std::string plain(std::string_view name) {
  std::string out = lower(name);
  if (out.size() > latest.size() && out.ends_with(latest)) {
    out.resize(out.size() - latest.size());
  }
  return out;
}

/// Whether `text` holds `name` as a JSON string, in any case. `name` is in lower case.
bool mentions(std::string_view text, std::string_view name) {
  for (auto at = text.find('"'); at != std::string_view::npos; at = text.find('"', at + 1)) {
    const std::string_view rest = text.substr(at + 1);
    if (rest.size() > name.size() && rest[name.size()] == '"' &&
        lower(rest.substr(0, name.size())) == name) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> names_of_chip(const Document& document) {
  return decode(decode_chip, document.file, document.text).aliases;
}

std::vector<std::string> names_of_runtime(const Document& document) {
  return decode(decode_runtime, document.file, document.text).aliases;
}

std::vector<std::string> names_of_model(const Document& document) {
  return decode(decode_model, document.file, document.text).names;
}

std::vector<std::string> names_of_quantization(const Document& document) {
  auto profile = decode(decode_quantization, document.file, document.text);
  profile.aliases.push_back(std::move(profile.name));
  return std::move(profile.aliases);
}

std::vector<std::string> names_of_stack(const Document& document) {
  return decode(decode_stack, document.file, document.text).aliases;
}

/// How the documents of a kind are named and stored.
struct Kind {
  std::string_view folder;                             ///< "chips"
  std::vector<std::string> (*names)(const Document&);  ///< Besides the id.
};

// In the order of ProfileKind.
constexpr std::array<Kind, 5> kinds{{{"chips", names_of_chip},
                                     {"models", names_of_model},
                                     {"quants", names_of_quantization},
                                     {"runtimes", names_of_runtime},
                                     {"stacks", names_of_stack}}};

const Kind& details(ProfileKind kind) {
  return kinds[static_cast<std::size_t>(kind)];
}

[[noreturn]] void fail_unknown(ProfileKind kind, const Documents& documents,
                               std::string_view name) {
  // One name per document, its nearest, so that five hints are five different things.
  std::vector<std::string> best;
  for (const auto& [id, document] : documents) {
    std::vector<std::string> names = details(kind).names(document);
    // People write Q4_K_M, not the id.
    if (kind != ProfileKind::quantization) {
      names.push_back(id);
    }
    if (auto near = nearest_names(name, names, 1); !near.empty()) {
      best.push_back(std::move(near.front()));
    }
  }
  std::vector<std::string> hints = nearest_names(name, best, 5);
  std::string_view lead = "did you mean";
  constexpr std::size_t short_list = 12;
  if (hints.empty() && documents.size() <= short_list) {
    std::transform(documents.begin(), documents.end(), std::back_inserter(hints),
                   [](const auto& entry) { return entry.first; });
    lead = "known are";
  }
  std::string message = fmt::format("unknown {} '{}'", to_string(kind), name);
  if (hints.empty()) {
    message += fmt::format("; no known name is near it, see membudget list {}", details(kind).folder);
  } else {
    message +=
        fmt::format("; {} {}{}", lead, fmt::join(hints, ", "), lead == "did you mean" ? "?" : "");
  }
  throw Error(Errc::unknown_name, "", message);
}

std::string stem_of(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  path.remove_prefix(slash == std::string_view::npos ? 0 : slash + 1);
  return std::string(path.substr(0, path.rfind('.')));
}

/// nullptr when no document has the name.
const Document* find_or_none(ProfileKind kind, const Documents& documents, std::string_view name) {
  const std::string wanted = plain(name);
  if (const auto found = documents.find(wanted); found != documents.end()) {
    return &found->second;
  }
  // Decoding everything would take longer than the plan itself, so only a document whose text
  // mentions the name is decoded. A user's own profile wins over a compiled-in one.
  const Document* match = nullptr;
  for (const auto& [id, document] : documents) {
    if ((match != nullptr && !document.owner) || !mentions(document.text, wanted)) {
      continue;
    }
    const auto names = details(kind).names(document);
    if (std::any_of(names.begin(), names.end(),
                    [&](const std::string& each) { return plain(each) == wanted; })) {
      match = &document;
      if (document.owner) {
        break;
      }
    }
  }
  return match;
}

const Document& find(ProfileKind kind, const Documents& documents, std::string_view name) {
  const Document* found = find_or_none(kind, documents, name);
  if (found == nullptr) {
    fail_unknown(kind, documents, name);
  }
  return *found;
}

/// What Ollama's library calls variants with the shapes of the plain tag.
constexpr std::array<std::string_view, 8> same_shapes{"instruct", "chat", "text", "base",
                                                      "it",       "code", "python", "assistant"};

/// A tag of Ollama's library as it is built: "llama3.1:8b-instruct-q8_0" names a model, a variant
/// and a quantization.
struct TagParts {
  std::string model;
  std::string quantization;
};

/// Splits the last part off a tag when it is a quantization or a variant that changes no shape.
bool shorten(TagParts& tag, const Documents& quantizations) {
  const auto colon = tag.model.find(':');
  const auto dash = tag.model.rfind('-');
  if (colon == std::string::npos || dash == std::string::npos || dash < colon) {
    return false;
  }
  const std::string part = tag.model.substr(dash + 1);
  if (const Document* document = find_or_none(ProfileKind::quantization, quantizations, part);
      document != nullptr) {
    // One that was asked for apart from the tag stands before the tag's.
    if (tag.quantization.empty()) {
      tag.quantization = stem_of(document->file);
    }
  } else if (std::find(same_shapes.begin(), same_shapes.end(), part) == same_shapes.end()) {
    return false;
  }
  tag.model.resize(dash);
  return true;
}

/// The model whose repository, or id, has this name whoever publishes it: "qwen3.6-27b".
const Document* find_by_title(const Documents& models, const std::string& title) {
  if (const auto found = models.find(title); found != models.end()) {
    return &found->second;
  }
  for (const auto& [id, document] : models) {
    if (lower(document.text).find("/" + title + "\"") == std::string::npos) {
      continue;
    }
    const auto names = names_of_model(document);
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return lower(name.substr(name.find('/') + 1)) == title;
        })) {
      return &document;
    }
  }
  return nullptr;
}

/// "mlx-community/Qwen3.6-27B-4bit"; a quantization that was asked for stands before the name's.
const Document* find_mlx_upload(std::string_view name, TagParts& tag, const Documents& models) {
  for (const MlxUpload& reading : readings_of_mlx_upload(name)) {
    if (const Document* found = find_by_title(models, reading.title); found != nullptr) {
      tag.quantization = tag.quantization.empty() ? reading.quantization : tag.quantization;
      return found;
    }
  }
  return nullptr;
}

std::vector<std::string> ids_of(const Documents& documents) {
  std::vector<std::string> out;
  out.reserve(documents.size());
  for (const auto& [id, document] : documents) {
    out.push_back(id);
  }
  return out;
}

Document read_document(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw Error(Errc::io, path.string(), "cannot be opened; check that it exists and is readable");
  }
  auto text = std::make_shared<const std::string>(std::istreambuf_iterator<char>(stream),
                                                  std::istreambuf_iterator<char>());
  if (stream.bad()) {
    throw Error(Errc::io, path.string(), "cannot be read");
  }
  return {path.generic_string(), *text, text};
}

std::vector<Document> read_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code code;
  for (std::filesystem::directory_iterator each(folder, code), end; !code && each != end;
       each.increment(code)) {
    if (each->path().extension() == ".json") {
      paths.push_back(each->path());
    }
  }
  if (code) {
    throw Error(Errc::io, folder.string(), fmt::format("cannot be read: {}", code.message()));
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Document> out;
  std::transform(paths.begin(), paths.end(), std::back_inserter(out), read_document);
  return out;
}

/// The number in "b10488" or "10488".
std::int64_t build_number(std::string_view text, std::string_view id) {
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == 'b' || digits.front() == 'B')) {
    digits.remove_prefix(1);
  }
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code != std::errc() || end != digits.data() + digits.size() || number <= 0) {
    throw Error(Errc::unknown_name, "",
                fmt::format("'{}' is not a build of {}; write it as {}@b10587", text, id, id));
  }
  return number;
}

void take_rules_of_build(const RuntimeProfile& profile, std::int64_t build, Runtime& runtime) {
  const auto rules =
      std::find_if(profile.builds.begin(), profile.builds.end(), [&](const auto& builds) {
        return build >= builds.from && (!builds.to || build <= *builds.to);
      });
  if (rules == profile.builds.end()) {
    throw Error(Errc::unknown_name, "",
                fmt::format("{} b{} is older than the builds whose memory is known; known are b{} "
                            "and newer; name one of them, or leave the build out for b{}",
                            profile.runtime.id, build, profile.builds.front().from,
                            profile.newest_build));
  }
  runtime.llama_cpp = rules->rules;
  if (!rules->note.empty()) {
    runtime.notes.push_back(rules->note);
  }
  if (build > profile.newest_build) {
    runtime.notes.push_back(fmt::format(
        "b{} is newer than b{}, the newest build whose memory was measured; its rules are taken.",
        build, profile.newest_build));
  }
}

/// The version by its name; the newest when none is asked for.
const RuntimeProfile::Version& version_of(const RuntimeProfile& profile, std::string_view asked,
                                          bool named) {
  if (!named) {
    return profile.versions.front();
  }
  std::string known;
  for (const RuntimeProfile::Version& each : profile.versions) {
    if (each.version == asked || (asked.starts_with('v') && each.version == asked.substr(1))) {
      return each;
    }
    known += known.empty() ? "" : ", ";
    known += each.version;
  }
  throw Error(Errc::unknown_name, "",
              fmt::format("the memory of {} '{}' is not known; known versions are {}",
                          profile.runtime.id, asked, known));
}

}  // namespace

struct Profiles::Store {
  std::array<Documents, kinds.size()> by_kind;
  std::map<std::string, Document, std::less<>> tables;  // By file name.

  [[nodiscard]] const Documents& of(ProfileKind kind) const {
    return by_kind[static_cast<std::size_t>(kind)];
  }
};

namespace {

/// A common table, decoded.
template <class Store, class Table>
Table table(const Store& store, std::string_view name, Table (*read)(Faults&)) {
  const Document& document = store.tables.find(name)->second;
  return decode(read, document.file, document.text);
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
      for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
        if (folder == kinds[kind].folder) {
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
    throw Error(Errc::io, folder.string(), "is not a folder that can be read");
  }
  bool any = false;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const auto path = folder / kinds[kind].folder;
    if (!std::filesystem::is_directory(path, code)) {
      continue;
    }
    any = true;
    for (Document& document : read_folder(path)) {
      // Decoded at once: a fault in a user's own file must not hide until its name is asked for.
      static_cast<void>(kinds[kind].names(document));
      out->by_kind[kind].insert_or_assign(stem_of(document.file), std::move(document));
    }
  }
  for (const std::string_view name : {working_sets_name, tokenizers_name, speed_name, quality_name,
                                      budget_name, advice_name, capability_name, health_name,
                                      calibration_name, links_name, serving_name}) {
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
  static_cast<void>(table(*out, working_sets_name, decode_working_sets));
  static_cast<void>(table(*out, tokenizers_name, decode_tokenizers));
  static_cast<void>(table(*out, speed_name, decode_speed));
  static_cast<void>(table(*out, quality_name, decode_quality));
  static_cast<void>(table(*out, budget_name, decode_budget));
  static_cast<void>(table(*out, advice_name, decode_advice));
  static_cast<void>(table(*out, capability_name, decode_capability));
  static_cast<void>(table(*out, serving_name, decode_serving));
  static_cast<void>(table(*out, health_name, decode_health));
  static_cast<void>(table(*out, calibration_name, decode_calibration));
  static_cast<void>(table(*out, links_name, decode_links));
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
  return completed(document, table(*store_, working_sets_name, decode_working_sets),
                   table(*store_, budget_name, decode_budget));
}

ThisMachine Profiles::this_machine(const HostReadings& readings) const {
  const auto limits = table(*store_, working_sets_name, decode_working_sets);
  const auto budget = table(*store_, budget_name, decode_budget);
  std::vector<Chip> chips;
  if (readings.system == System::macos) {
    for (const auto& [id, document] : store_->of(ProfileKind::chip)) {
      chips.push_back(completed(document, limits, budget));
    }
  }
  return membudget::this_machine(readings, chips, budget.host_rules());
}

AdviceRules Profiles::advice_rules() const {
  return table(*store_, advice_name, decode_advice);
}

std::vector<ReservePreset> Profiles::reserves() const {
  return table(*store_, budget_name, decode_budget).reserves;
}

Link Profiles::link(std::string_view id) const {
  const std::vector<Link> known = table(*store_, links_name, decode_links);
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

Runtime Profiles::runtime(std::string_view id) const {
  const auto at = id.find('@');
  const std::string_view asked = at == std::string_view::npos ? "" : id.substr(at + 1);
  const auto profile_of = [&](std::string_view name) {
    const Document& document = find(ProfileKind::runtime, store_->of(ProfileKind::runtime), name);
    return decode(decode_runtime, document.file, document.text);
  };
  RuntimeProfile profile = profile_of(id.substr(0, at));
  if (!profile.versions_of.empty()) {
    profile.versions = profile_of(profile.versions_of).versions;
  }
  Runtime runtime = profile.runtime;
  if (!profile.ollama_of.empty()) {
    runtime.ollama = profile_of(profile.ollama_of).runtime.ollama;
  }
  if (profile.versions.empty()) {
    const RuntimeProfile builds = profile.builds_of.empty() ? profile : profile_of(profile.builds_of);
    const std::int64_t build =
        at == std::string_view::npos ? builds.newest_build : build_number(asked, runtime.id);
    runtime.version = runtime.engine_version = fmt::format("b{}", build);
    take_rules_of_build(builds, build, runtime);
    return runtime;
  }
  const RuntimeProfile::Version& version = version_of(profile, asked, at != std::string_view::npos);
  const auto take_rules = [&](const Runtime& rules) {
    const MlcRules::Mode mode = runtime.mlc.mode;
    runtime.candle = rules.candle;
    runtime.mlc = rules.mlc;
    runtime.mlc.mode = mode;
    runtime.core_ml = rules.core_ml;
  };
  if (runtime.engine == Engine::llama_cpp) {
    take_rules_of_build(profile_of(profile.builds_of), version.build, runtime);
    runtime.engine_version = fmt::format("b{}", version.build);
  } else {
    runtime.engine_version = version.version;
    if (!profile.rules_of.empty()) {
      runtime.mlx = profile.mlx_rules_over(profile_of(profile.rules_of).runtime.mlx);
    }
    take_rules(version.rules);
  }
  runtime.version = version.version;
  return runtime;
}

std::optional<SpeedRules> Profiles::speed_rules(const Runtime& runtime) const {
  if (runtime.defaults.backend == Backend::cpu) {
    return std::nullopt;  // All of them were measured on GPUs.
  }
  const SpeedTable speeds = table(*store_, speed_name, decode_speed);
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
  return table(*store_, quality_name, decode_quality);
}

CapabilityRules Profiles::capability_rules() const {
  return table(*store_, capability_name, decode_capability);
}

ServingRules Profiles::serving_rules() const {
  return table(*store_, serving_name, decode_serving);
}

StackProfile Profiles::stack(std::string_view id) const {
  const Document& document = find(ProfileKind::stack, store_->of(ProfileKind::stack), id);
  return decode(decode_stack, document.file, document.text);
}

StackProfile read_stack(const std::filesystem::path& file) {
  const Document document = read_document(file);
  return decode(decode_stack, document.file, document.text);
}

HealthRules Profiles::health_rules() const { return table(*store_, health_name, decode_health); }

CalibrationRules Profiles::calibration_rules() const {
  return table(*store_, calibration_name, decode_calibration);
}

std::vector<CatalogEntry> Profiles::catalog() const {
  std::vector<CatalogEntry> out;
  for (const auto& [id, document] : store_->of(ProfileKind::model)) {
    ModelProfile profile = decode(decode_model, document.file, document.text);
    const auto context =
        std::find_if(profile.metadata.begin(), profile.metadata.end(),
                     [](const auto& entry) { return entry.first == "context_length"; });
    const auto* tokens = context == profile.metadata.end()
                             ? nullptr
                             : std::get_if<std::int64_t>(&context->second);
    out.push_back({.id = id,
                   .name = std::move(profile.name),
                   .family = std::move(profile.family),
                   .modality = std::move(profile.modality),
                   .parameters = profile.parameters,
                   .active_parameters =
                       profile.active_parameters > 0 ? profile.active_parameters : profile.parameters,
                   .trained_context = tokens == nullptr ? 0 : *tokens,
                   .default_quantization = std::move(profile.default_quantization),
                   .ollama = std::move(profile.ollama),
                   .repository = std::move(profile.repository)});
  }
  return out;
}

Model Profiles::model(std::string_view name, std::string_view quantization) const {
  const Documents& models = store_->of(ProfileKind::model);
  const Documents& quantizations = store_->of(ProfileKind::quantization);
  TagParts tag{plain(name), std::string(quantization)};
  const Document* document = find_or_none(ProfileKind::model, models, tag.model);
  while (document == nullptr && shorten(tag, quantizations)) {
    document = find_or_none(ProfileKind::model, models, tag.model);
  }
  if (document == nullptr) {
    tag = {plain(name), std::string(quantization)};
    document = find_mlx_upload(name, tag, models);
  }
  if (document == nullptr) {
    fail_unknown(ProfileKind::model, models, name);
  }
  const ModelProfile profile = decode(decode_model, document->file, document->text);
  const Document& wanted =
      find(ProfileKind::quantization, quantizations,
           tag.quantization.empty() ? profile.default_quantization : tag.quantization);
  const QuantizationProfile format = decode(decode_quantization, wanted.file, wanted.text);
  return catalog_model(profile, document->file, format.quantization,
                       find_upload(profile, plain(name), format.name),
                       table(*store_, tokenizers_name, decode_tokenizers));
}

std::vector<Relative> Profiles::relatives(std::string_view id) const {
  const Documents& models = store_->of(ProfileKind::model);
  const Document* own = find_or_none(ProfileKind::model, models, plain(id));
  if (own == nullptr) {
    return {};
  }
  const ModelProfile profile = decode(decode_model, own->file, own->text);
  std::vector<Relative> out;
  for (const auto& [other, document] : models) {
    // Most documents are of other families; only those that name this one are decoded.
    if (&document == own || !mentions(document.text, lower(profile.family))) {
      continue;
    }
    const ModelProfile candidate = decode(decode_model, document.file, document.text);
    if (candidate.family == profile.family && candidate.modality == profile.modality) {
      out.push_back({candidate.id, candidate.parameters});
    }
  }
  std::sort(out.begin(), out.end(), [](const Relative& a, const Relative& b) {
    return std::tie(b.parameters, a.id) < std::tie(a.parameters, b.id);
  });
  return out;
}

std::vector<std::string> Profiles::ids(ProfileKind kind) const { return ids_of(store_->of(kind)); }

namespace {

ElementType matrix_type(const FileType& format) { return format.base; }
ElementType matrix_type(const MlxFormat& format) { return format.type; }
ElementType matrix_type(const GroupedFormat& format) { return format.type; }

/// Which engine reads it; Candle reads GGUF too.
Engine reader_of(const Quantization& quantization) {
  if (const auto* grouped = std::get_if<GroupedFormat>(&quantization)) {
    return grouped->writer == GroupedFormat::Writer::mlc ? Engine::mlc : Engine::coreml;
  }
  return std::holds_alternative<MlxFormat>(quantization) ? Engine::mlx : Engine::llama_cpp;
}

double bits_of(const QuantizationProfile& profile) {
  const ElementFormat& format = format_of(
      std::visit([](const auto& each) { return matrix_type(each); }, profile.quantization));
  return 8.0 * static_cast<double>(format.block_bytes) / static_cast<double>(format.block_elements);
}

}  // namespace

double Profiles::bits_per_weight(std::string_view quantization) const {
  const Document& document =
      find(ProfileKind::quantization, store_->of(ProfileKind::quantization), quantization);
  return bits_of(decode(decode_quantization, document.file, document.text));
}

bool Profiles::is_mlx(std::string_view quantization) const {
  const Document& document =
      find(ProfileKind::quantization, store_->of(ProfileKind::quantization), quantization);
  return std::holds_alternative<MlxFormat>(
      decode(decode_quantization, document.file, document.text).quantization);
}

std::string Profiles::nearest_quantization(std::string_view name, Engine engine) const {
  const Documents& documents = store_->of(ProfileKind::quantization);
  const Document& document = find(ProfileKind::quantization, documents, name);
  QuantizationProfile asked = decode(decode_quantization, document.file, document.text);
  const Engine reader = engine == Engine::candle ? Engine::llama_cpp : engine;
  if (reader_of(asked.quantization) == reader) {
    return std::move(asked.name);
  }
  // Of as many bits the plainest name: "4bit" before "nvfp4", "q0f16" before "q0bf16".
  const double bits = bits_of(asked);
  std::tuple<double, std::size_t, std::string> best{std::numeric_limits<double>::max(), 0, ""};
  for (const auto& [id, each] : documents) {
    QuantizationProfile profile = decode(decode_quantization, each.file, each.text);
    if (reader_of(profile.quantization) == reader) {
      best = std::min(best, {std::abs(bits_of(profile) - bits), profile.name.size(), profile.name});
    }
  }
  return std::get<std::string>(best);
}

std::string Profiles::usual_quantization(std::string_view model) const {
  const Document& document = find(ProfileKind::model, store_->of(ProfileKind::model), model);
  return decode(decode_model, document.file, document.text).default_quantization;
}

std::vector<std::string> Profiles::quantization_names() const {
  struct Named {
    Engine reader = Engine::llama_cpp;
    double bits = 0;
    std::string name;
  };
  std::vector<Named> all;
  for (const auto& [id, document] : store_->of(ProfileKind::quantization)) {
    QuantizationProfile profile = decode(decode_quantization, document.file, document.text);
    all.push_back({reader_of(profile.quantization), bits_of(profile), std::move(profile.name)});
  }
  std::sort(all.begin(), all.end(), [](const Named& a, const Named& b) {
    return std::tie(a.reader, b.bits, a.name) < std::tie(b.reader, a.bits, b.name);
  });
  std::vector<std::string> out;
  std::transform(all.begin(), all.end(), std::back_inserter(out),
                 [](Named& named) { return std::move(named.name); });
  return out;
}

std::string_view Profiles::document(ProfileKind kind, std::string_view name) const {
  return find(kind, store_->of(kind), name).text;
}

std::string_view to_string(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::chip: return "chip";
    case ProfileKind::model: return "model";
    case ProfileKind::quantization: return "quantization";
    case ProfileKind::runtime: return "runtime";
    case ProfileKind::stack: return "stack";
  }
  return "";
}

}  // namespace membudget
