// SPDX-License-Identifier: MIT
#include "membudget/check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "membudget/nearest.hpp"
#include "membudget/profiles.hpp"
#include "profiles/catalog_model.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
#include "profiles/profile_names.hpp"

namespace membudget {
namespace {

using nlohmann::json;

// The largest profile has 40 KiB; a file beyond this was named by mistake.
constexpr std::uintmax_t largest_file = 4U << 20U;

/// What any profile decodes to; monostate when its schema is not known.
using AnyProfile = std::variant<std::monostate, ChipProfile, ModelProfile, QuantizationProfile,
                                RuntimeProfile, StackProfile, WorkingSetTable, TokenizerTable,
                                SpeedTable, QualityTable, BudgetTable, AdviceRules, CapabilityRules,
                                HealthRules, CalibrationRules, std::vector<Link>, ServingRules>;

template <class Profile, Profile (*Read)(Faults&)>
AnyProfile decode_as(Faults& faults) {
  return Read(faults);
}

struct Schema {
  std::string_view name;
  AnyProfile (*decode)(Faults&);
};

constexpr std::array<Schema, 16> schemas{
    {{"membudget.chip/1", decode_as<ChipProfile, decode_chip>},
     {"membudget.model/1", decode_as<ModelProfile, decode_model>},
     {"membudget.quantization/1", decode_as<QuantizationProfile, decode_quantization>},
     {"membudget.runtime/1", decode_as<RuntimeProfile, decode_runtime>},
     {"membudget.stack/1", decode_as<StackProfile, decode_stack>},
     {"membudget.working_sets/1", decode_as<WorkingSetTable, decode_working_sets>},
     {"membudget.tokenizers/1", decode_as<TokenizerTable, decode_tokenizers>},
     {"membudget.speed/1", decode_as<SpeedTable, decode_speed>},
     {"membudget.quality/1", decode_as<QualityTable, decode_quality>},
     {"membudget.budget/1", decode_as<BudgetTable, decode_budget>},
     {"membudget.advice/1", decode_as<AdviceRules, decode_advice>},
     {"membudget.capability/1", decode_as<CapabilityRules, decode_capability>},
     {"membudget.health/1", decode_as<HealthRules, decode_health>},
     {"membudget.calibration/1", decode_as<CalibrationRules, decode_calibration>},
     {"membudget.links/1", decode_as<std::vector<Link>, decode_links>},
     {"membudget.serving/1", decode_as<ServingRules, decode_serving>}}};

/// A profile's kind, id and other names; nullopt for tables, which have none.
struct Identity {
  ProfileKind kind = ProfileKind::chip;
  std::string id;
  std::vector<std::string> names;
};

/// A file is known by its name; an id that differs from it is a fault of its own.
std::string stem_of(const std::string& path) {
  return std::filesystem::path(path).stem().string();
}

std::optional<Identity> identity_of(const AnyProfile& profile) {
  if (const auto* chip = std::get_if<ChipProfile>(&profile)) {
    return Identity{ProfileKind::chip, chip->chip.id, chip->aliases};
  }
  if (const auto* model = std::get_if<ModelProfile>(&profile)) {
    return Identity{ProfileKind::model, model->id, model->names};
  }
  if (const auto* quantization = std::get_if<QuantizationProfile>(&profile)) {
    Identity out{ProfileKind::quantization, quantization->id, quantization->aliases};
    out.names.push_back(quantization->name);
    return out;
  }
  if (const auto* runtime = std::get_if<RuntimeProfile>(&profile)) {
    return Identity{ProfileKind::runtime, runtime->runtime.id, runtime->aliases};
  }
  if (const auto* stack = std::get_if<StackProfile>(&profile)) {
    return Identity{ProfileKind::stack, stack->id, stack->aliases};
  }
  return std::nullopt;
}

/// Decodes by what "schema" says. `value` is set where the text is JSON.
AnyProfile decode_any(Faults& faults, std::optional<json>& value) {
  Faults syntax(faults.file(), faults.text());
  value = parse_profile(syntax);
  if (!value || !value->is_object()) {
    if (value) {
      syntax.add("", "a profile is one JSON object, from { to }");
    }
    faults = syntax;
    return {};
  }
  std::vector<std::string> known;
  std::transform(schemas.begin(), schemas.end(), std::back_inserter(known),
                 [](const Schema& schema) { return std::string(schema.name); });
  const auto found = value->find("schema");
  if (found == value->end()) {
    faults.add("", fmt::format("key 'schema' is missing; add it with what the file describes: {}",
                               fmt::join(known, ", ")));
    return {};
  }
  for (const Schema& schema : schemas) {
    if (*found == schema.name) {
      return schema.decode(faults);
    }
  }
  const auto near = found->is_string()
                        ? nearest_names(found->get_ref<const std::string&>(), known, 1)
                        : std::vector<std::string>{};
  faults.add("/schema", near.empty() ? fmt::format("is none of: {}", fmt::join(known, ", "))
                                     : fmt::format("did you mean '{}'?", near.front()));
  return {};
}

/// What of the compiled-in profiles a check refers to.
struct Embedded {
  std::vector<Identity> identities;
  WorkingSetTable working_sets;
  TokenizerTable tokenizers;
};

const Embedded& embedded_profiles() {
  static const Embedded embedded = [] {
    Embedded out;
    for (const EmbeddedFile& file : embedded_files()) {
      Faults faults(std::string(file.path), file.text);
      std::optional<json> value;
      AnyProfile profile = decode_any(faults, value);
      if (auto identity = identity_of(profile)) {
        out.identities.push_back(std::move(*identity));
      } else if (const auto* table = std::get_if<WorkingSetTable>(&profile)) {
        out.working_sets = *table;
      } else if (const auto* tokenizers = std::get_if<TokenizerTable>(&profile)) {
        out.tokenizers = *tokenizers;
      }
    }
    return out;
  }();
  return embedded;
}

/// One file of a check.
struct File {
  std::string path;
  std::string text;
  std::unique_ptr<Faults> faults;  // Views `text`.
  std::optional<json> value = std::nullopt;
  AnyProfile profile = {};

  /// Whether rules that need the whole profile have anything to judge.
  [[nodiscard]] bool sound() const { return faults->empty(); }
};

std::string read_text(const std::filesystem::path& path, Faults& faults) {
  std::error_code code;
  if (std::filesystem::file_size(path, code) > largest_file && !code) {
    faults.add("", "the file is larger than 4 MiB, which no profile is");
    return {};
  }
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.is_open() || stream.bad()) {
    throw Error(Errc::io, path.generic_string(), "cannot be read; check that you may read it");
  }
  return text;
}

bool is_profile(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".json") && !name.ends_with(".schema.json") && !name.starts_with('.');
}

/// Every file that `path` means, a folder's sorted.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  std::error_code code;
  if (!std::filesystem::exists(path, code)) {
    throw Error(Errc::io, path.generic_string(),
                "does not exist; name a profile or a folder of them");
  }
  if (!std::filesystem::is_directory(path, code)) {
    return {path};
  }
  std::vector<std::filesystem::path> out;
  using Walk = std::filesystem::recursive_directory_iterator;
  for (Walk each(path, code), end; !code && each != end; each.increment(code)) {
    if (each->is_regular_file(code) && is_profile(each->path())) {
      out.push_back(each->path());
    }
  }
  if (code) {
    throw Error(Errc::io, path.generic_string(), fmt::format("cannot be read: {}", code.message()));
  }
  if (out.empty()) {
    throw Error(Errc::io, path.generic_string(), "holds no .json file; name a folder of profiles");
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// A path in messages: without the "./" that the shell's completion likes to add.
std::string shown(const std::filesystem::path& path) {
  return path.lexically_normal().generic_string();
}

/// All files of a check with the compiled-in profiles behind them.
class Check {
 public:
  void add(const std::filesystem::path& path) {
    File& file = files_.emplace_back();
    file.path = shown(path);
    Faults reading(file.path, "");
    file.text = read_text(path, reading);
    file.faults = std::make_unique<Faults>(file.path, file.text);
    if (!reading.empty()) {
      *file.faults = reading;
      return;
    }
    file.profile = decode_any(*file.faults, file.value);
  }

  ProfileCheck result() {
    enter_embedded();
    for (File& file : files_) {
      if (const auto identity = identity_of(file.profile)) {
        names_.claim(identity->kind, stem_of(file.path), identity->names, *file.value,
                     *file.faults);
      }
      take_table(file);
    }
    for (File& file : files_) {
      if (file.sound()) {
        check_facts(file);
      }
    }
    ProfileCheck out;
    for (const File& file : files_) {
      out.files.push_back(file.path);
      auto located = file.faults->located();
      std::move(located.begin(), located.end(), std::back_inserter(out.faults));
    }
    return out;
  }

 private:
  /// The names of compiled-in profiles that no file replaces, and the compiled-in tables.
  void enter_embedded() {
    std::set<std::pair<ProfileKind, std::string>> replaced;
    for (const File& file : files_) {
      if (const auto identity = identity_of(file.profile)) {
        replaced.emplace(identity->kind, stem_of(file.path));
      }
    }
    const Embedded& compiled_in = embedded_profiles();
    for (const Identity& identity : compiled_in.identities) {
      if (replaced.count({identity.kind, identity.id}) == 0) {
        names_.add(identity.kind, identity.id, identity.names);
      }
    }
    working_sets_ = compiled_in.working_sets;
    tokenizers_ = compiled_in.tokenizers;
  }

  void take_table(const File& file) {
    if (!file.sound()) {
      return;
    }
    if (const auto* table = std::get_if<WorkingSetTable>(&file.profile)) {
      working_sets_ = *table;
    } else if (const auto* tokenizers = std::get_if<TokenizerTable>(&file.profile)) {
      tokenizers_ = *tokenizers;
    }
  }

  void check_facts(File& file) const {
    if (const auto* chip = std::get_if<ChipProfile>(&file.profile)) {
      check_chip(*chip, *file.faults);
    } else if (const auto* model = std::get_if<ModelProfile>(&file.profile)) {
      check_model(*model, *file.faults);
    } else if (const auto* runtime = std::get_if<RuntimeProfile>(&file.profile)) {
      check_runtime(*runtime, *file.faults);
    } else if (const auto* stack = std::get_if<StackProfile>(&file.profile)) {
      check_stack(*stack, *file.faults);
    }
  }

  void check_chip(const ChipProfile& profile, Faults& faults) const {
    const Chip& chip = profile.chip;
    if (chip.working_sets.empty() && working_sets_.of_ram(chip.ram).empty()) {
      faults.add("/ram_gib", fmt::format("no Metal working set is known for {} of RAM; add "
                                         "\"working_sets\" with what Metal reports",
                                         to_text(chip.ram)));
    }
  }

  void check_model(const ModelProfile& profile, Faults& faults) const;
  void check_tensors(const ModelProfile& profile, const Architecture& architecture,
                     Faults& faults) const;

  void check_reference(ProfileKind kind, const std::string& name, std::string pointer,
                       Faults& faults) const {
    if (!name.empty() && !names_.knows(kind, name)) {
      faults.add(std::move(pointer),
                 fmt::format("no {} is called '{}'; see membudget list", to_string(kind), name));
    }
  }

  /// A model of the catalog; files, folders and other places are nobody's names.
  void check_model_name(const std::string& name, std::string pointer, Faults& faults) const {
    const bool elsewhere = name.find('/') != std::string::npos || name.ends_with(".gguf") ||
                           name.starts_with("ollama:") || name.starts_with("hf:");
    if (elsewhere || name.empty() || names_.knows(ProfileKind::model, name)) {
      return;
    }
    try {
      // An Ollama tag that names the quantization too.
      static_cast<void>(Profiles::embedded().model(name));
    } catch (const Error& error) {
      faults.add(std::move(pointer), error.what());
    }
  }

  void check_runtime(const RuntimeProfile& profile, Faults& faults) const {
    check_reference(ProfileKind::runtime, profile.builds_of, "/builds_of", faults);
    check_reference(ProfileKind::runtime, profile.rules_of, "/rules_of", faults);
    check_reference(ProfileKind::runtime, profile.runtime.for_safetensors, "/for_safetensors",
                    faults);
    check_reference(ProfileKind::quantization, profile.runtime.mlx.usual_quantization,
                    "/mlx/usual_quantization", faults);
    check_reference(ProfileKind::runtime, profile.ollama_of, "/ollama_of", faults);
    check_reference(ProfileKind::runtime, profile.versions_of, "/versions_of", faults);
  }

  void check_stack(const StackProfile& stack, Faults& faults) const {
    check_reference(ProfileKind::chip, stack.chip, "/chip", faults);
    for (std::size_t i = 0; i < stack.servers.size(); ++i) {
      check_reference(ProfileKind::runtime, stack.servers[i].runtime,
                      fmt::format("/servers/{}/runtime", i), faults);
    }
    if (!stack.beside.empty()) {
      try {
        static_cast<void>(Profiles::embedded().reserve(stack.beside));
      } catch (const Error& error) {
        faults.add("/beside", error.what());
      }
    }
    for (std::size_t i = 0; i < stack.members.size(); ++i) {
      const StackProfile::Member& member = stack.members[i];
      const std::string at = fmt::format("/members/{}", i);
      check_model_name(member.model, at + "/model", faults);
      check_model_name(member.draft, at + "/draft", faults);
      check_reference(ProfileKind::quantization, member.quantization, at + "/quantization", faults);
      // A runtime may be given with its build.
      check_reference(ProfileKind::runtime, member.runtime.substr(0, member.runtime.find('@')),
                      at + "/runtime", faults);
    }
  }

  std::deque<File> files_;  // Faults view their texts.
  ProfileNames names_;
  WorkingSetTable working_sets_;
  TokenizerTable tokenizers_;
};

/// Publishers round, and count a table more or less.
constexpr double parameter_tolerance = 0.001;

bool differ(std::int64_t a, std::int64_t b) {
  return std::abs(static_cast<double>(a - b)) > parameter_tolerance * static_cast<double>(b);
}

void Check::check_tensors(const ModelProfile& profile, const Architecture& architecture,
                          Faults& faults) const {
  const Metadata metadata = metadata_of(profile, faults.file());
  const std::int64_t counted = counted_parameters(profile, architecture, metadata);
  if (differ(counted, profile.parameters)) {
    faults.add("/parameters",
               fmt::format("the tensors of this metadata hold {} weights, not {}; correct the one "
                           "that is wrong",
                           counted, profile.parameters));
  } else if (profile.published_parameters > 0 &&
             differ(profile.parameters, profile.published_parameters) &&
             std::abs(profile.parameters - profile.published_parameters) >
                 profile.published_plus_minus) {
    faults.add("/published/parameters",
               fmt::format("{} weights without those dropped, but the tensors hold {}; more than "
                           "0.1 % apart needs a 'dropped' or 'plus_minus' that explains it",
                           profile.published_parameters, counted));
  }
  // A bound: shapes that describe no model, rows that no type fits.
  FileType as_published;
  as_published.base = ElementType::f16;
  static_cast<void>(catalog_model(profile, faults.file(), as_published, nullptr, tokenizers_));
}

void Check::check_model(const ModelProfile& profile, Faults& faults) const {
  check_reference(ProfileKind::quantization, profile.default_quantization, "/default_quantization",
                  faults);
  const auto check_tokenizer = [&](const std::string& id, std::string pointer) {
    if (!id.empty() && !tokenizers_.knows(id)) {
      faults.add(std::move(pointer),
                 fmt::format("no tokenizer '{}' is in tokenizers.json; add it there", id));
    }
  };
  check_tokenizer(profile.tokenizer, "/tokenizer");
  for (std::size_t i = 0; i < profile.uploads.size(); ++i) {
    const std::string at = fmt::format("/uploads/{}", i);
    check_tokenizer(profile.uploads[i].tokenizer, at + "/tokenizer");
    check_reference(ProfileKind::quantization, profile.uploads[i].quantization,
                    at + "/quantization", faults);
  }
  const Architecture* architecture = find_architecture(profile.architecture);
  if (architecture == nullptr) {
    std::vector<std::string> known;
    for (const Architecture& each : architectures()) {
      known.emplace_back(each.name);
    }
    const auto near = nearest_names(profile.architecture, known, 1);
    faults.add("/architecture",
               fmt::format("'{}' is no architecture that can be planned{}", profile.architecture,
                           near.empty() ? "; it needs a description in src/model/arch first"
                                        : fmt::format("; did you mean '{}'?", near.front())));
    return;
  }
  try {
    check_tensors(profile, *architecture, faults);
  } catch (const Error& error) {
    std::string problem = error.what();
    if (problem.starts_with(error.where() + ": ")) {
      problem.erase(0, error.where().size() + 2);
    }
    faults.add("/metadata", problem);
  }
}

}  // namespace

ProfileCheck check_profiles(std::span<const std::filesystem::path> paths) {
  std::set<std::string> seen;
  Check check;
  for (const std::filesystem::path& path : paths) {
    for (const std::filesystem::path& file : files_of(path)) {
      if (seen.insert(shown(file)).second) {
        check.add(file);
      }
    }
  }
  return check.result();
}

}  // namespace membudget
