// SPDX-License-Identifier: MIT
#include "weights.hpp"

using namespace membudget;

Model read_for(const Runtime& runtime, const PlanOptions& options, const Profiles& profiles) {
  Model model = read_model(options.model, options.quantization, profiles, options.source);
  if (model.source != ModelSource::catalog || !options.quantization.empty()) return model;
  const auto nearest = profiles.nearest_quantization(model.quantization, runtime.engine);
  if (nearest.empty() || nearest == model.quantization) return model;
  return read_model(options.model, nearest, profiles, options.source);
}
