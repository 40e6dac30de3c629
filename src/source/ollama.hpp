// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "source/byte_source.hpp"

namespace membudget {

/// `[HOST/][NAMESPACE/]MODEL[:TAG]` with Ollama's defaults filled in.
struct OllamaName {
  std::string host = "registry.ollama.ai";
  std::string space = "library";
  std::string model;
  std::string tag = "latest";

  /// As Ollama prints it: "llama3.2:latest", with what departs from the defaults before it.
  [[nodiscard]] std::string shown() const;
};

/// Throws Error{unknown_name} for what Ollama would not take as a name.
[[nodiscard]] OllamaName parse_ollama_name(std::string_view text);

inline constexpr std::int64_t longest_manifest = std::int64_t{1}
                                                 << 20;  ///< Bytes; real ones have 1 KB.

/// What a tag consists of (Docker's manifest, version 2).
struct OllamaManifest {
  struct Layer {
    std::string media_type;  ///< "application/vnd.ollama.image.model"
    std::string digest;      ///< "sha256:" and 64 digits.
    std::int64_t size = 0;
  };
  std::vector<Layer> layers;
};

/// Throws Error{invalid_model} with `where` and a JSON pointer for what is none.
[[nodiscard]] OllamaManifest parse_manifest(const std::string& where, std::string_view text);

/// Opens a layer's blob.
using OpenBlob = std::function<std::unique_ptr<ByteSource>(const OllamaManifest::Layer&)>;

/// The model of a tag: its GGUF, projectors and adapters as companions, and num_ctx of its
/// parameters as default context.
[[nodiscard]] Model read_ollama(const OllamaName& name, const OllamaManifest& manifest,
                                const OpenBlob& open);

/// Ollama's store on this machine.
class OllamaStore {
 public:
  explicit OllamaStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  [[nodiscard]] bool has(const OllamaName& name) const;
  /// The tags that are there of a model, as Ollama prints them.
  [[nodiscard]] std::vector<std::string> tags_of(const OllamaName& name) const;
  /// Throws Error{io} when the manifest or a blob is missing, and as read_ollama().
  [[nodiscard]] Model read(const OllamaName& name) const;

 private:
  [[nodiscard]] std::filesystem::path manifest_of(const OllamaName& name) const;

  std::filesystem::path folder_;
};

}  // namespace membudget
