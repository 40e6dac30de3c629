// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "membudget/attachments.hpp"
#include "membudget/model.hpp"
#include "membudget/model_names.hpp"
#include "membudget/profiles.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// Where the programs of this user keep models, and where more are to be had.
struct ModelPlaces {
  /// Ollama's store with `manifests` and `blobs`: $OLLAMA_MODELS, else ~/.ollama/models.
  std::filesystem::path ollama;
  /// LM Studio's models, PUBLISHER/REPOSITORY/FILE below: its settings' folder, else
  /// ~/.lmstudio/models or, as older versions have it, ~/.cache/lm-studio/models.
  std::filesystem::path lm_studio;
  /// Hugging Face's cache: $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.
  std::filesystem::path hugging_face;
  /// Headers that were fetched: $MEMBUDGET_CACHE, else ~/Library/Caches/membudget on macOS and
  /// $XDG_CACHE_HOME/membudget or ~/.cache/membudget elsewhere.
  std::filesystem::path headers;
  std::string ollama_registry = "https://registry.ollama.ai";
  std::string hugging_face_endpoint = "https://huggingface.co";  ///< $HF_ENDPOINT
  /// Sent to hugging_face_endpoint and to no other host: $HF_TOKEN. Never part of a message.
  std::string hugging_face_token;

  /// As the environment has them. Reads $HOME and the variables above, and LM Studio's settings.
  [[nodiscard]] static ModelPlaces of_this_user();
};

/// How long to wait for a server and how much to take from it.
struct NetworkLimits {
  std::chrono::milliseconds connect{10'000};
  /// Without a single byte before giving up.
  std::chrono::milliseconds stall{20'000};
  /// Before the second attempt after a 429 or 5xx; doubled before each further one.
  std::chrono::milliseconds first_pause{500};
  int attempts = 4;
  /// Of one file. Beyond any header: the largest known one takes 30 MB.
  std::int64_t most_bytes = 128'000'000;
};

/// What has been fetched so far from one file.
struct FetchProgress {
  std::string_view source;
  Bytes fetched;
};

/// How models are looked for.
struct ReadOptions {
  ModelPlaces places = ModelPlaces::of_this_user();
  NetworkLimits network;
  bool remote = false;  ///< `ollama:` names that the store lacks are read from the registry.
  bool cache = true;    ///< Headers that were fetched are kept and used again.
  /// Called from the thread that loads, now and then while bytes arrive.
  std::function<void(const FetchProgress&)> progress;
};

/// Whether this build can read over the network (it has libcurl).
[[nodiscard]] bool reads_over_network();

/// Reads the header of a GGUF file (version 2 or 3): metadata and tensor table, never tensor
/// data. Of a split model any part may be given. A file whose data is cut is read, and noted.
/// Throws Error{io} when the file or a part of it cannot be read, Error{truncated},
/// Error{invalid_model} or Error{unsupported} with `file@0x<offset>` as where().
[[nodiscard]] Model load_gguf(const std::filesystem::path& file);

/// Reads a model wherever it lives. `model` is one of
///   - a path to a .gguf: what exists, ends in .gguf or holds a directory separator that no
///     catalog name has;
///   - a folder with config.json and *.safetensors (Hugging Face, MLX), or with one .gguf;
///   - `ollama:NAME[:TAG]`: Ollama's store, with options.remote also its registry;
///   - `hf:ORG/REPO[:QUANTIZATION|:FILE]`: the caches of Hugging Face and LM Studio, then the hub;
///   - `https://.../x.gguf`;
///   - a name of the catalog, or of a model in one of the caches.
/// `quantization` must be empty or the file's own for a GGUF: a file is what it is. Of the catalog
/// and of safetensors it names the GGUF that is planned. Nothing is fetched but for `hf:`,
/// `https:` and options.remote, and then only headers.
/// Throws Error{network} for a server that cannot be reached or misbehaves, and as load_gguf().
[[nodiscard]] Model load_model(std::string_view model, std::string_view quantization,
                               const Profiles& profiles, const ReadOptions& options);
/// The same with default options.
[[nodiscard]] Model load_model(std::string_view model, std::string_view quantization,
                               const Profiles& profiles);

/// Read the header of a GGUF file that belongs to a model: a LoRA adapter, a control vector, a
/// projector (mmproj). Throw as load_gguf(), and Error{unsupported} for a file of another kind.
[[nodiscard]] Adapter load_adapter(const std::filesystem::path& file);
/// As load_adapter().
[[nodiscard]] ControlVector load_control_vector(const std::filesystem::path& file);
/// As load_adapter().
[[nodiscard]] Projector load_projector(const std::filesystem::path& file);

/// What runtimes call the model that load_model() read for `argument`.
[[nodiscard]] ModelNames names_of(std::string_view argument, const Model& model,
                                  const Profiles& profiles);

}  // namespace membudget
#pragma GCC visibility pop
