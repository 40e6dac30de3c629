// SPDX-License-Identifier: MIT
#include "source/remote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "source/gguf.hpp"
#include "source/gguf_model.hpp"
#include "source/http_source.hpp"

namespace membudget {
namespace {

using nlohmann::json;

constexpr std::int64_t longest_listing = std::int64_t{16} << 20;
constexpr std::int64_t small_block = std::int64_t{64} << 10;

/// A path in an address: what is not plain is written as %XX.
std::string escaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        std::isalnum(byte) != 0 || std::string_view("-_.~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

std::string_view file_of(std::string_view url) {
  const std::string_view path = url.substr(0, url.find_first_of("?#"));
  return path.substr(path.rfind('/') + 1);
}

/// The parts of a split model behind one address.
class AddressFiles final : public ModelFiles {
 public:
  using Open = std::function<std::unique_ptr<ByteSource>(const std::string& file)>;
  AddressFiles(std::string name, const std::string& file, Open open)
      : name_(std::move(name)), open_(std::move(open)) {
    // "x-00002-of-00003.gguf": its siblings are taken to be there.
    const auto of = file.rfind("-of-");
    constexpr std::size_t digits = 5;
    files_.push_back(file);
    if (of == std::string::npos || of < digits + 1 || file.size() < of + 4 + digits) {
      return;
    }
    const std::string count = file.substr(of + 4, digits);
    if (count.find_first_not_of("0123456789") != std::string::npos) {
      return;
    }
    files_.clear();
    for (int i = 1; i <= std::stoi(count); ++i) {
      files_.push_back(fmt::format("{}{:05}{}", file.substr(0, of - digits), i, file.substr(of)));
    }
  }

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] const std::vector<std::string>& list() const override { return files_; }
  [[nodiscard]] std::unique_ptr<ByteSource> open(const std::string& file) const override {
    return open_(file);
  }

 private:
  std::string name_;
  Open open_;
  std::vector<std::string> files_;
};

}  // namespace

class Remote::HubFiles final : public ModelFiles {
 public:
  HubFiles(Remote& remote, HubName name, std::vector<std::string> files)
      : remote_(remote), name_(std::move(name)), files_(std::move(files)) {}

  [[nodiscard]] std::string name() const override { return "hf:" + name_.shown(); }
  [[nodiscard]] const std::vector<std::string>& list() const override { return files_; }
  [[nodiscard]] std::unique_ptr<ByteSource> open(const std::string& file) const override {
    const ModelPlaces& places = remote_.options_.places;
    RemoteFile remote{
        .url = fmt::format("{}/{}/resolve/main/{}", places.hugging_face_endpoint, name_.shown(),
                           escaped(file)),
        .name = fmt::format("{}/{}", name(), file),
        .credential = {.origin = places.hugging_face_endpoint, .token = places.hugging_face_token},
        .missing = Errc::unknown_name};
    if (!file.ends_with(".gguf")) {
      remote.block = small_block;
    }
    return HttpSource::open(remote_.http_, std::move(remote), remote_.cache_,
                            remote_.options_.progress);
  }

 private:
  Remote& remote_;
  HubName name_;
  std::vector<std::string> files_;
};

Remote::Remote(const ReadOptions& options) : Remote(options, make_transport(options.network)) {}

Remote::Remote(const ReadOptions& options, std::unique_ptr<Transport> transport)
    : options_(options),
      cache_(options.cache ? options.places.headers : std::filesystem::path()),
      http_(options.network, std::move(transport)) {}

Model Remote::model_at(const std::string& given) {
  const auto address = address_of(given);
  const auto hub = address_of(options_.places.hugging_face_endpoint);
  const bool on_hub = address && hub && hub->origin() == address->origin();
  // What a browser shows of a file on the hub is its page; the file is beside it.
  std::string url = given;
  if (const auto page = url.find("/blob/"); on_hub && page != std::string::npos) {
    url.replace(page, std::string_view("/blob/").size(), "/resolve/");
  }
  if (!address) {
    throw Error(Errc::bad_request, shown_url(url),
                "is no https address; write https://HOST/PATH.gguf");
  }
  const std::string file(file_of(url));
  const auto open = [&](const std::string& name) -> std::unique_ptr<ByteSource> {
    const std::string other = [&] {
      std::string out = url;
      out.replace(out.rfind(file, out.find_first_of("?#")), file.size(), name);
      return out;
    }();
    RemoteFile remote{.url = other, .name = shown_url(other), .credential = {}};
    if (on_hub) {
      remote.credential = {.origin = options_.places.hugging_face_endpoint,
                           .token = options_.places.hugging_face_token};
    }
    return HttpSource::open(http_, std::move(remote), cache_, options_.progress);
  };
  if (file.empty()) {
    throw Error(Errc::bad_request, shown_url(url), "names no file; write https://HOST/PATH.gguf");
  }
  const AddressFiles files(shown_url(url), file, open);
  return model_of(read_gguf(files, file), shown_url(url), file);
}

Model Remote::ollama_model(const OllamaName& name) {
  const OllamaName usual;
  const std::string registry = [&] {
    if (name.host == usual.host) {
      return options_.places.ollama_registry;
    }
    // A registry on this machine is one that somebody tests.
    const bool loopback = address_of("http://" + name.host)->is_loopback();
    return (loopback ? "http://" : "https://") + name.host;
  }();
  const std::string base = fmt::format("{}/v2/{}/{}", registry, name.space, name.model);
  const std::string url = fmt::format("{}/manifests/{}", base, name.tag);
  const std::string text =
      http_.text({.url = url,
                  .accept = "application/vnd.docker.distribution.manifest.v2+json",
                  .credential = {},
                  .range = std::nullopt},
                 longest_manifest, Errc::unknown_name);
  return read_ollama(name, parse_manifest(url, text), [&](const OllamaManifest::Layer& layer) {
    // Small layers are fetched whole.
    const bool model = layer.size > (std::int64_t{1} << 20);
    RemoteFile file{.url = fmt::format("{}/blobs/{}", base, layer.digest),
                    .name = fmt::format("ollama:{}/{}", name.shown(), layer.digest.substr(0, 19)),
                    .credential = {}};
    if (!model) {
      file.block = std::max<std::int64_t>(small_block, layer.size);
    }
    return HttpSource::open(http_, std::move(file), cache_, options_.progress);
  });
}

std::unique_ptr<ModelFiles> Remote::hub_files(const HubName& name) {
  const ModelPlaces& places = options_.places;
  const std::string url =
      fmt::format("{}/api/models/{}", places.hugging_face_endpoint, name.shown());
  const json listing = json::parse(
      http_.text({.url = url,
                  .accept = "application/json",
                  .credential = {.origin = places.hugging_face_endpoint,
                                 .token = places.hugging_face_token},
                  .range = std::nullopt},
                 longest_listing, Errc::unknown_name),
      [](int depth, json::parse_event_t event, json& key) {
        // Only the list of files is kept of what may be long.
        return !(depth == 1 && event == json::parse_event_t::key && key != "siblings");
      },
      false);
  std::vector<std::string> files;
  if (listing.is_object() && listing.contains("siblings") && listing["siblings"].is_array()) {
    for (const json& sibling : listing["siblings"]) {
      if (sibling.is_object() && sibling.contains("rfilename") &&
          sibling["rfilename"].is_string()) {
        files.push_back(sibling["rfilename"].get<std::string>());
      }
    }
  }
  if (files.empty()) {
    throw Error(Errc::network, shown_url(url), "the server does not list the repository's files");
  }
  std::sort(files.begin(), files.end());
  return std::make_unique<HubFiles>(*this, name, std::move(files));
}

}  // namespace membudget
