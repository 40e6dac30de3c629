// SPDX-License-Identifier: MIT
#include "membudget/load_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "source/as_asked.hpp"
#include "source/checkpoint.hpp"
#include "source/choose_file.hpp"
#include "source/gguf.hpp"
#include "source/gguf_model.hpp"
#include "source/local_models.hpp"
#include "source/ollama.hpp"
#include "source/remote.hpp"

namespace membudget {
namespace {

bool is_folder(std::string_view path) {
  std::error_code ignored;
  return std::filesystem::is_directory(std::filesystem::path(path), ignored);
}

bool is_path(std::string_view model) {
  if (lower(model).ends_with(".gguf")) {
    return true;
  }
  // Catalog names hold at most the one separator of a Hugging Face repository.
  if (model.starts_with('/') || model.starts_with("./") || model.starts_with("../") ||
      std::count(model.begin(), model.end(), '/') > 1) {
    return true;
  }
  std::error_code ignored;
  return std::filesystem::is_regular_file(std::filesystem::path(model), ignored);
}

/// Also what a slip makes none, "https:/host/x.gguf": messages show a path with all that is in it,
/// of an address no password.
bool means_address(std::string_view model) {
  const std::string word = lower(model);
  return word.find("://") != std::string::npos || word.starts_with("http:") ||
         word.starts_with("https:");
}

/// What follows a prefix such as "ollama:"; nothing when `model` does not begin with it.
std::optional<std::string_view> after(std::string_view prefix, std::string_view model) {
  return lower(model.substr(0, prefix.size())) == prefix
             ? std::optional(model.substr(prefix.size()))
             : std::nullopt;
}

/// The model among files: safetensors with their config, or the .gguf that is wanted.
Model model_among(const ModelFiles& files, const std::string& id, std::string_view wanted,
                  std::string_view quantization, const Profiles& profiles) {
  if (is_checkpoint(files) && gguf_models(files).empty()) {
    return read_checkpoint(files, id, wanted.empty() ? quantization : wanted, profiles);
  }
  const std::string file = choose_gguf(files, wanted.empty() ? quantization : wanted);
  const std::string where = fmt::format("{}/{}", files.name(), file);
  return model_of(read_gguf(files, file), where, file.substr(file.rfind('/') + 1));
}

Model load_folder(std::string_view folder, std::string_view quantization,
                  const Profiles& profiles) {
  const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  const FolderFiles files(path);
  const std::string name =
      path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  if (!is_checkpoint(files) && gguf_models(files).size() != 1) {
    throw Error(
        Errc::unsupported, std::string(folder),
        gguf_models(files).empty()
            ? "is a folder with neither config.json and .safetensors files nor a .gguf; name one "
              "that has a model in it"
            : "is a folder with several .gguf files; name one of them");
  }
  return model_among(files, name, "", quantization, profiles);
}

Model load_ollama(std::string_view name, const ReadOptions& options) {
  const OllamaName wanted = parse_ollama_name(name);
  const OllamaStore store(options.places.ollama);
  if (store.has(wanted)) {
    return store.read(wanted);
  }
  if (options.remote) {
    Remote remote(options);
    return remote.ollama_model(wanted);
  }
  const std::vector<std::string> tags = store.tags_of(wanted);
  throw Error(
      Errc::unknown_name, "ollama:" + wanted.shown(),
      fmt::format("is not in {}{}; pull it, or add --remote to read it from the registry",
                  options.places.ollama.string(),
                  tags.empty() ? "" : fmt::format(", which has {}", fmt::join(tags, ", "))));
}

Model load_hub(std::string_view name, std::string_view quantization, const Profiles& profiles,
               const ReadOptions& options) {
  const HubName wanted = parse_hub_name(name);
  const auto read = [&](const ModelFiles& files) {
    Model model = model_among(files, wanted.shown(), wanted.wanted, quantization, profiles);
    model.source = ModelSource::hf;
    return model;
  };
  if (const auto cached = find_in_caches(options.places, wanted)) {
    return read(*cached);
  }
  Remote remote(options);
  return read(*remote.hub_files(wanted));
}

/// A name that the catalog does not have may be that of a model in a cache.
std::optional<Model> load_cached(std::string_view name, std::string_view quantization,
                                 const Profiles& profiles, const ReadOptions& options) {
  HubName found;
  const auto files = find_in_caches_by_part(options.places, name, found);
  if (files == nullptr) {
    return std::nullopt;
  }
  return model_among(*files, found.shown(), found.wanted, quantization, profiles);
}

}  // namespace

Model as_asked(Model model, std::string_view quantization) {
  if (!quantization.empty() && lower(quantization) != lower(model.quantization)) {
    throw Error(
        Errc::bad_request, "--quant",
        fmt::format("{} is {}, not {}; leave --quant out, or name the model as in the "
                    "catalog",
                    model.id,
                    model.quantization.empty() ? "of an unstated quantization" : model.quantization,
                    quantization));
  }
  return model;
}

Model load_gguf(const std::filesystem::path& file) {
  return model_of(read_gguf(file), file.string(), file.filename().string());
}

Adapter load_adapter(const std::filesystem::path& file) {
  return adapter_of(read_gguf(file), file.string(), file.filename().string());
}

ControlVector load_control_vector(const std::filesystem::path& file) {
  return control_vector_of(read_gguf(file), file.string(), file.filename().string());
}

Projector load_projector(const std::filesystem::path& file) {
  return projector_of(read_gguf(file), file.string(), file.filename().string());
}

Model load_model(std::string_view model, std::string_view quantization, const Profiles& profiles,
                 const ReadOptions& options) {
  if (const auto name = after("ollama:", model)) {
    return as_asked(load_ollama(*name, options), quantization);
  }
  if (const auto name = after("hf:", model)) {
    Model loaded = load_hub(*name, quantization, profiles, options);
    return loaded.checkpoint ? loaded : as_asked(std::move(loaded), quantization);
  }
  if (means_address(model)) {
    Remote remote(options);
    return as_asked(remote.model_at(std::string(model)), quantization);
  }
  if (is_path(model) && !is_folder(model)) {
    return as_asked(load_gguf(std::filesystem::path(model)), quantization);
  }
  if (is_path(model)) {
    return load_folder(model, quantization, profiles);
  }
  try {
    return profiles.model(model, quantization);
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name) {
      throw;
    }
    if (is_folder(model)) {
      return load_folder(model, quantization, profiles);
    }
    if (auto cached = load_cached(model, quantization, profiles, options)) {
      return std::move(*cached);
    }
    throw;
  }
}

Model load_model(std::string_view model, std::string_view quantization, const Profiles& profiles) {
  return load_model(model, quantization, profiles, ReadOptions{});
}

}  // namespace membudget
