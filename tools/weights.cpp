// SPDX-License-Identifier: MIT
#include "weights.hpp"

#include <algorithm>

namespace {

using namespace membudget;

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
std::string nearest(const Model& model, const Runtime& runtime, const Profiles& profiles) {
  return model.source == ModelSource::catalog
             ? profiles.nearest_quantization(model.quantization, runtime.engine)
             : "";
}

}  // namespace

Model read_for(Runtime& runtime, const std::string& name, const PlanOptions& options,
               const Profiles& profiles) {
  Model model = read_model(name, options.quantization, profiles, options.source);
  if (is_mlx(model) && !runtime.for_safetensors.empty()) {
    runtime = profiles.runtime(runtime.for_safetensors);
  }
  if (!options.quantization.empty()) return model;
  auto instead = runtime.engine == Engine::mlx ? mlx_quantization(model, runtime, profiles) : "";
  if (instead.empty()) instead = nearest(model, runtime, profiles);
  if (instead.empty() || instead == model.quantization) return model;
  return read_model(name, instead, profiles, options.source);
}
