// SPDX-License-Identifier: MIT
#include "membudget/profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "membudget/error.hpp"
#include "model/arch/arch.hpp"
#include "model/quantize.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
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
constexpr std::string_view speed_name = "speed.json";

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

/// A kind of profile: what it is called and under which names its documents are known.
struct Kind {
  std::string_view name;                               ///< "chip"
  std::string_view folder;                             ///< "chips"
  std::vector<std::string> (*names)(const Document&);  ///< Besides the id.
};

constexpr Kind chip_kind{"chip", "chips", names_of_chip};
constexpr Kind runtime_kind{"runtime", "runtimes", names_of_runtime};
constexpr Kind model_kind{"model", "models", names_of_model};

[[noreturn]] void fail_unknown(const Kind& kind, const Documents& documents,
                               std::string_view name) {
  // One name per document, its nearest, so that five hints are five different things.
  std::vector<std::string> best;
  for (const auto& [id, document] : documents) {
    std::vector<std::string> names = kind.names(document);
    names.push_back(id);
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
  std::string message = fmt::format("unknown {} '{}'", kind.name, name);
  if (hints.empty()) {
    message += "; no known name is near it";
  } else {
    message +=
        fmt::format("; {} {}{}", lead, fmt::join(hints, ", "), lead == "did you mean" ? "?" : "");
  }
  throw Error(Errc::unknown_name, "", message);
}

const Document& find(const Kind& kind, const Documents& documents, std::string_view name) {
  const std::string wanted = plain(name);
  if (const auto found = documents.find(wanted); found != documents.end()) {
    return found->second;
  }
  // Decoding everything would take longer than the plan itself, so only a document whose text
  // mentions the name is decoded. A user's own profile wins over a compiled-in one.
  const Document* match = nullptr;
  for (const auto& [id, document] : documents) {
    if ((match != nullptr && !document.owner) || !mentions(document.text, wanted)) {
      continue;
    }
    const auto names = kind.names(document);
    if (std::any_of(names.begin(), names.end(),
                    [&](const std::string& each) { return plain(each) == wanted; })) {
      match = &document;
      if (document.owner) {
        break;
      }
    }
  }
  if (match == nullptr) {
    fail_unknown(kind, documents, name);
  }
  return *match;
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

std::string stem_of(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  path.remove_prefix(slash == std::string_view::npos ? 0 : slash + 1);
  return std::string(path.substr(0, path.rfind('.')));
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

std::string_view name_of(Engine engine) {
  switch (engine) {
    case Engine::llama_cpp: return "llama.cpp";
  }
  return "";
}

Metadata metadata_of(const ModelProfile& profile, const std::string& file) {
  Metadata out(fmt::format("{}#/metadata", file));
  out.set("general.architecture", profile.architecture);
  for (const auto& [key, value] : profile.metadata) {
    const bool whole = key.starts_with("tokenizer.");
    out.set(whole ? key : fmt::format("{}.{}", profile.architecture, key), value);
  }
  return out;
}

}  // namespace

struct Profiles::Store {
  Documents chips;
  Documents runtimes;
  Documents models;
  Document working_sets;
  Document speed;
};

Profiles::Profiles(std::shared_ptr<const Store> store) : store_(std::move(store)) {}

Profiles Profiles::embedded() {
  static const std::shared_ptr<const Store> store = [] {
    auto out = std::make_shared<Store>();
    const std::array<std::pair<const Kind*, Documents*>, 3> kinds{
        {{&chip_kind, &out->chips}, {&runtime_kind, &out->runtimes}, {&model_kind, &out->models}}};
    for (const EmbeddedFile& file : embedded_files()) {
      Document document{fmt::format("profiles/{}", file.path), file.text, nullptr};
      if (file.path == working_sets_name) {
        out->working_sets = std::move(document);
        continue;
      }
      if (file.path == speed_name) {
        out->speed = std::move(document);
        continue;
      }
      for (const auto& [kind, documents] : kinds) {
        if (file.path.substr(0, file.path.find('/')) == kind->folder) {
          documents->emplace_hint(documents->end(), stem_of(file.path), std::move(document));
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
  const std::array<std::pair<const Kind*, Documents*>, 3> kinds{
      {{&chip_kind, &out->chips}, {&runtime_kind, &out->runtimes}, {&model_kind, &out->models}}};
  std::error_code code;
  if (!std::filesystem::is_directory(folder, code)) {
    throw Error(Errc::io, folder.string(), "is not a folder that can be read");
  }
  bool any = false;
  for (const auto& [kind, documents] : kinds) {
    const auto path = folder / kind->folder;
    if (!std::filesystem::is_directory(path, code)) {
      continue;
    }
    any = true;
    for (Document& document : read_folder(path)) {
      // Decoded at once: a fault in a user's own file must not hide until its name is asked for.
      static_cast<void>(kind->names(document));
      documents->insert_or_assign(stem_of(document.file), std::move(document));
    }
  }
  if (const auto path = folder / working_sets_name; std::filesystem::exists(path, code)) {
    any = true;
    out->working_sets = read_document(path);
    static_cast<void>(decode(decode_working_sets, out->working_sets.file, out->working_sets.text));
  }
  if (const auto path = folder / speed_name; std::filesystem::exists(path, code)) {
    any = true;
    out->speed = read_document(path);
    static_cast<void>(decode(decode_speed, out->speed.file, out->speed.text));
  }
  if (!any) {
    throw Error(Errc::io, folder.string(),
                "holds no profiles; expected chips/, models/ or runtimes/ with .json files");
  }
  return Profiles(std::move(out));
}

Chip Profiles::chip(std::string_view id) const {
  const Document& document = find(chip_kind, store_->chips, id);
  Chip chip = decode(decode_chip, document.file, document.text).chip;
  if (chip.working_sets.empty()) {
    const Document& table = store_->working_sets;
    chip.working_sets = decode(decode_working_sets, table.file, table.text).of_ram(chip.ram);
  }
  return chip;
}

Runtime Profiles::runtime(std::string_view id) const {
  const auto at = id.find('@');
  const Document& document = find(runtime_kind, store_->runtimes, id.substr(0, at));
  RuntimeProfile profile = decode(decode_runtime, document.file, document.text);
  Runtime& runtime = profile.runtime;
  const std::int64_t build = at == std::string_view::npos
                                 ? profile.newest_build
                                 : build_number(id.substr(at + 1), runtime.id);
  const auto rules =
      std::find_if(profile.builds.begin(), profile.builds.end(), [&](const auto& builds) {
        return build >= builds.from && (!builds.to || build <= *builds.to);
      });
  if (rules == profile.builds.end()) {
    std::string known;
    for (const auto& builds : profile.builds) {
      known += builds.to ? fmt::format("b{} to b{}, ", builds.from, *builds.to)
                         : fmt::format("b{} and newer", builds.from);
    }
    throw Error(Errc::unknown_name, "",
                fmt::format("{} b{} is older than the builds whose memory is known; known are {}",
                            runtime.id, build, known));
  }
  runtime.version = fmt::format("b{}", build);
  runtime.llama_cpp = rules->rules;
  return runtime;
}

SpeedRules Profiles::speed_rules(const Runtime& runtime) const {
  const SpeedTable table = decode(decode_speed, store_->speed.file, store_->speed.text);
  const auto known =
      std::find_if(table.runtimes.begin(), table.runtimes.end(),
                   [&](const SpeedTable::Runtime& each) { return each.runtime == runtime.id; });
  const SpeedRules* engine = known == table.runtimes.end() ? table.of_engine(name_of(runtime.engine))
                                                           : table.of_engine(known->engine);
  if (engine == nullptr) {
    throw Error(Errc::unknown_name, store_->speed.file,
                fmt::format("no speed is known of the runtime '{}'; describe it under runtimes",
                            runtime.id));
  }
  SpeedRules rules = *engine;
  rules.token_us = known == table.runtimes.end() ? 0 : known->token_us;
  return rules;
}

Model Profiles::model(std::string_view name, std::string_view quantization) const {
  const Document& document = find(model_kind, store_->models, name);
  const ModelProfile profile = decode(decode_model, document.file, document.text);
  const Architecture* architecture = find_architecture(profile.architecture);
  if (architecture == nullptr) {
    throw Error(Errc::unsupported, document.file + "#/architecture",
                fmt::format("the memory of architecture '{}' is not modelled yet; "
                            "give another model",
                            profile.architecture));
  }
  const Metadata metadata = metadata_of(profile, document.file);
  std::string file_type(quantization.empty() ? profile.default_quantization : quantization);
  for (const std::string& known : quantization_names()) {
    if (lower(known) == lower(file_type)) {
      file_type = known;
    }
  }
  TensorTable tensors =
      quantize(architecture->tensors(metadata, profile.optional_tensors), metadata, file_type);
  Model model = describe_model(metadata, std::move(tensors));
  model.id = profile.id;
  model.quantization = std::move(file_type);
  model.source = ModelSource::catalog;
  return model;
}

std::vector<std::string> Profiles::chip_ids() const {
  return ids_of(store_->chips);
}
std::vector<std::string> Profiles::runtime_ids() const {
  return ids_of(store_->runtimes);
}
std::vector<std::string> Profiles::model_ids() const {
  return ids_of(store_->models);
}

}  // namespace membudget
