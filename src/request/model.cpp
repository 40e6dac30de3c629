// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "ascii.hpp"
#include "membudget/load_model.hpp"
#include "membudget/request.hpp"
#include "request/options.hpp"

namespace membudget {
namespace {

/// What MLX loads of a model that was read without saying which: the folder as it is, the usual
/// upload of a catalog model. Empty where the model was read as that, or names another type itself.
std::string mlx_quantization(const Model& model, const Runtime& runtime, const Profiles& profiles) {
  if (model.checkpoint) {
    const auto names = profiles.quantization_names();
    const auto& own = model.checkpoint->quantization;
    const bool known = std::ranges::find(names, own) != names.end();
    return known && own != model.quantization ? own : "";
  }
  const bool usual = model.source == ModelSource::catalog && !is_mlx(model) &&
                     model.quantization == profiles.usual_quantization(model.id);
  return usual ? runtime.mlx.usual_quantization : "";
}

/// Of a catalog model, weights that the engine reads: those nearest in bits.
std::string nearest_weights(const Model& model, const Runtime& runtime, const Profiles& profiles) {
  return model.source == ModelSource::catalog
             ? profiles.nearest_quantization(model.quantization, runtime.engine)
             : "";
}

/// What load_model() reads from a file, a folder, a store or an address.
bool is_elsewhere(std::string_view name) {
  const auto word = lower(name);
  return word.ends_with(".gguf") || word.starts_with("ollama:") || word.starts_with("hf:") ||
         word.find("://") != std::string::npos || std::ranges::count(word, '/') > 1;
}

/// Ollama runs a file of its own, whose record goes by its tag: a vision tower in it. A tag that
/// only follows Ollama's way of naming may be none of the catalog's.
Model ollamas_own(Model model, const std::string& name, const Profiles& profiles) {
  const std::string tag = names_of(name, model, profiles).ollama;
  if (tag.empty() || tag == name) return model;
  try {
    return profiles.model(tag, model.quantization);
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name) throw;
    return model;
  }
}

}  // namespace

ModelReader catalog_reader(const Profiles& profiles) {
  return [profiles](const std::string& name, const std::string& quantization) {
    if (name.empty()) request::wrong("MODEL", "a model must be named, such as qwen2.5-coder:32b");
    if (is_elsewhere(name)) {
      throw Error(Errc::unsupported, name,
                  "is no name of the catalog, and no file or address is read for a request; hand "
                  "over the model's own bytes");
    }
    return profiles.model(name, quantization);
  };
}

Model read_at(const ModelReader& read, const std::string& name, const std::string& quantization) {
  try {
    return read(name, quantization);
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name || quantization.empty()) throw;
    // Either name may be the unknown one. Without the quantization it is the model's turn.
    static_cast<void>(read(name, {}));
    throw RequestError(error.code(), "--quant", problem(error));
  }
}

Model requested_model(const PlanRequest& request, const std::string& name, const Profiles& profiles,
                      const ModelReader& read, Runtime& runtime) {
  Model model = read_at(read, name, request.quantization);
  if (is_mlx(model) && !runtime.for_safetensors.empty()) {
    runtime = profiles.runtime(runtime.for_safetensors);
  }
  if (runtime.ollama && model.source == ModelSource::catalog && !is_mlx(model)) {
    model = ollamas_own(std::move(model), name, profiles);
  }
  if (!request.quantization.empty()) return model;
  auto instead = runtime.engine == Engine::mlx ? mlx_quantization(model, runtime, profiles) : "";
  if (instead.empty()) instead = nearest_weights(model, runtime, profiles);
  if (instead.empty() || instead == model.quantization) return model;
  return read_at(read, name, instead);
}

}  // namespace membudget
