// SPDX-License-Identifier: MIT
#include "source/ollama.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>
#include <utility>

#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"
#include "source/gguf.hpp"
#include "source/gguf_model.hpp"
#include "source/http.hpp"

namespace membudget {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Layers by their media type (ollama, server/images.go, manifest/layer.go).
constexpr std::string_view image = "application/vnd.ollama.image.";
constexpr std::int64_t longest_parameters = std::int64_t{64} << 10;

bool is_part(std::string_view text) {
  const auto good = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= 80 && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), good);
}

bool is_host(std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view port = colon == std::string_view::npos ? "0" : text.substr(colon + 1);
  return is_part(text.substr(0, colon)) && !port.empty() && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string read_text(const ByteSource& source, std::int64_t most) {
  if (source.size() > most) {
    throw Error(
        Errc::invalid_model, source.name(),
        fmt::format("has {} bytes, more than the {} that such a file takes", source.size(), most));
  }
  std::string text(static_cast<std::size_t>(source.size()), '\0');
  source.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

std::string kind_of(const OllamaManifest::Layer& layer) {
  return layer.media_type.starts_with(image) ? layer.media_type.substr(image.size())
                                             : std::string();
}

bool is_digest(std::string_view text) {
  constexpr std::string_view algorithm = "sha256:";
  return text.starts_with(algorithm) && text.size() == algorithm.size() + 64 &&
         text.substr(algorithm.size()).find_first_not_of("0123456789abcdef") ==
             std::string_view::npos;
}

/// A Modelfile's PARAMETER lines as JSON: {"num_ctx": 8192, "stop": [...]}.
std::int64_t context_of(const ByteSource& source) {
  const json parameters = json::parse(read_text(source, longest_parameters), nullptr, false);
  if (!parameters.is_object()) {
    throw Error(Errc::invalid_model, source.name(), "is no JSON object of parameters");
  }
  const auto found = parameters.find("num_ctx");
  if (found == parameters.end()) {
    return 0;
  }
  constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;
  if (!found->is_number() || found->get<double>() < 1 ||
      found->get<double>() > static_cast<double>(most)) {
    throw Error(Errc::invalid_model, source.name() + "#/num_ctx",
                "must be a number of tokens of at least 1");
  }
  return static_cast<std::int64_t>(found->get<double>());
}

}  // namespace

std::string OllamaName::shown() const {
  const OllamaName usual;
  const std::string own = fmt::format("{}:{}", model, tag);
  if (host != usual.host) {
    return fmt::format("{}/{}/{}", host, space, own);
  }
  return space == usual.space ? own : fmt::format("{}/{}", space, own);
}

OllamaName parse_ollama_name(std::string_view text) {
  OllamaName out;
  const auto wrong = [&] {
    // It may be an address with a password; names that Ollama takes hold no '@'.
    return Error(Errc::unknown_name, "ollama:" + shown_url(text),
                 "is no name that Ollama takes; write ollama:MODEL[:TAG], as 'ollama list' prints "
                 "it");
  };
  std::string_view rest = text;
  const auto last = rest.rfind('/');
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && (last == std::string_view::npos || colon > last)) {
    out.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  std::vector<std::string> parts;
  while (true) {
    const auto slash = rest.find('/');
    parts.emplace_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(slash + 1);
  }
  if (parts.size() > 3) {
    throw wrong();
  }
  out.model = parts.back();
  if (parts.size() > 1) {
    out.space = parts[parts.size() - 2];
  }
  if (parts.size() == 3) {
    out.host = parts.front();
  }
  if (!is_host(out.host) || !is_part(out.space) || !is_part(out.model) || !is_part(out.tag)) {
    throw wrong();
  }
  return out;
}

OllamaManifest parse_manifest(const std::string& where, std::string_view text) {
  const auto fail = [&](std::string_view pointer, const std::string& problem) {
    return Error(Errc::invalid_model, fmt::format("{}#{}", where, pointer), problem);
  };
  constexpr int deepest = 8;
  bool deep = false;
  const json manifest = json::parse(
      text,
      [&](int depth, json::parse_event_t, json&) {
        deep = deep || depth > deepest;
        return !deep;
      },
      false);
  const auto layers = manifest.is_object() ? manifest.find("layers") : manifest.end();
  if (deep || !manifest.is_object() || layers == manifest.end() || !layers->is_array()) {
    throw fail("/layers", "is no list of layers, so this is no manifest; pull the model again");
  }
  OllamaManifest out;
  for (std::size_t i = 0; i < layers->size(); ++i) {
    const json& entry = (*layers)[i];
    const auto string = [&](const char* key) {
      const auto found = entry.is_object() ? entry.find(key) : entry.end();
      if (!entry.is_object() || found == entry.end() || !found->is_string()) {
        throw fail(fmt::format("/layers/{}/{}", i, key), "must be a string");
      }
      return found->get<std::string>();
    };
    OllamaManifest::Layer layer{.media_type = string("mediaType"), .digest = string("digest")};
    // It becomes part of a path.
    if (!is_digest(layer.digest)) {
      throw fail(fmt::format("/layers/{}/digest", i), "must be sha256: and 64 digits");
    }
    if (const auto size = entry.find("size");
        size != entry.end() && size->is_number_unsigned() &&
        size->get<std::uint64_t>() < (std::uint64_t{1} << 60)) {
      layer.size = size->get<std::int64_t>();
    }
    out.layers.push_back(std::move(layer));
  }
  return out;
}

Model read_ollama(const OllamaName& name, const OllamaManifest& manifest, const OpenBlob& open) {
  const auto& layers = manifest.layers;
  const auto find = [&](std::string_view kind) {
    return std::find_if(layers.begin(), layers.end(),
                        [&](const auto& layer) { return kind_of(layer) == kind; });
  };
  const auto main = find("model");
  if (main == layers.end()) {
    const bool tensors = find("tensor") != layers.end();
    throw Error(Errc::unsupported, "ollama:" + name.shown(),
                tensors ? "holds safetensors for Ollama's MLX engine, not a GGUF; plan the model "
                          "from its Hugging Face repository or from the catalog"
                        : "holds no model layer; models that run in the cloud have none");
  }
  Model model;
  {
    const std::unique_ptr<ByteSource> source = open(*main);
    model = model_of(read_gguf(*source), source->name(), name.shown());
  }
  model.source = ModelSource::ollama;
  for (const OllamaManifest::Layer& layer : layers) {
    const std::string kind = kind_of(layer);
    if (kind == "projector" || kind == "adapter") {
      const std::unique_ptr<ByteSource> source = open(layer);
      const Gguf gguf = read_gguf(*source);
      auto companion = companion_of(gguf, source->name());
      if (!companion) {
        throw Error(Errc::invalid_model, source->name(),
                    fmt::format("should be the model's {}, but is something else", kind));
      }
      model.companions.push_back(std::move(*companion));
    } else if (kind == "params") {
      model.default_context = context_of(*open(layer));
    }
  }
  return model;
}

fs::path OllamaStore::manifest_of(const OllamaName& name) const {
  return folder_ / "manifests" / name.host / name.space / name.model / name.tag;
}

bool OllamaStore::has(const OllamaName& name) const {
  std::error_code ignored;
  return fs::is_regular_file(manifest_of(name), ignored);
}

std::vector<std::string> OllamaStore::tags_of(const OllamaName& name) const {
  std::vector<std::string> out;
  std::error_code code;
  for (fs::directory_iterator each(manifest_of(name).parent_path(), code), end;
       !code && each != end; each.increment(code)) {
    OllamaName tag = name;
    tag.tag = each->path().filename().string();
    out.push_back(tag.shown());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Model OllamaStore::read(const OllamaName& name) const {
  const fs::path file = manifest_of(name);
  const OllamaManifest manifest =
      parse_manifest(file.string(), read_text(FileSource(file), longest_manifest));
  return read_ollama(name, manifest, [&](const OllamaManifest::Layer& layer) {
    std::string blob = layer.digest;
    std::replace(blob.begin(), blob.end(), ':', '-');
    return std::make_unique<FileSource>(folder_ / "blobs" / blob);
  });
}

}  // namespace membudget
