// SPDX-License-Identifier: MIT
// The input is a model's name, its manifest and its parameters, with lines "%%" between them.
#include "source/ollama.hpp"

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "source/gguf_model.hpp"
#include "support/gguf_writer.hpp"

namespace membudget::fuzz {
namespace {

/// What all model layers hold.
const std::string& model_blob() {
  static const std::string blob = seeds_of("gguf").front();
  return blob;
}

}  // namespace

void ollama(std::string_view input) {
  const auto parts = parts_of(input);
  const auto name = read_twice([&] { return parse_ollama_name(parts[0]); },
                               [](const OllamaName& read) { return read.shown(); });
  if (name) {
    require(name->shown().size() <= parts[0].size() + 100, "a name stays a name");
    // They become part of a path.
    for (const std::string& part : {name->space, name->model, name->tag, name->host}) {
      require(part != "." && part != ".." && part.find('/') == std::string::npos,
              "no name leads out of the store");
    }
    require(parse_ollama_name(name->shown()).shown() == name->shown(), "a shown name is a name");
  }
  if (parts.size() < 2) {
    return;
  }
  const auto manifest = read_or_refuse([&] { return parse_manifest("manifest", parts[1]); });
  if (!manifest) {
    return;
  }
  for (const OllamaManifest::Layer& layer : manifest->layers) {
    require(layer.size >= 0, "no size is negative");
    require(layer.digest.find_first_not_of("sha256:0123456789abcdef") == std::string::npos,
            "no digest leads out of the store");
  }
  const std::string_view parameters = parts.size() > 2 ? parts[2] : "{}";
  const auto open = [&](const OllamaManifest::Layer& layer) -> std::unique_ptr<ByteSource> {
    const bool text = layer.media_type.ends_with("params");
    return std::make_unique<MemorySource>(
        "blob", std::as_bytes(std::span(text ? parameters : std::string_view(model_blob()))));
  };
  const auto model =
      read_or_refuse([&] { return read_ollama(name.value_or(OllamaName{}), *manifest, open); });
  if (model) {
    require(model->default_context >= 0, "a context is a number of tokens");
    check_plans(*model, hash_of(input));
  }
}

}  // namespace membudget::fuzz
