// SPDX-License-Identifier: MIT
#include "membudget/alternatives.hpp"

#include <algorithm>
#include <set>

#include "membudget/error.hpp"

namespace membudget {
namespace {

/// A mix stores little below its base type; a tenth is room for that and for weights that
/// publishers count but no plan loads.
constexpr double surely = 0.9;

Alternative alternative(Lever lever, const Profiles& profiles, const std::string& model,
                        std::int64_t parameters, const std::string& quantization) {
  Alternative out;
  out.lever = lever;
  out.name = lever == Lever::model ? model : quantization;
  out.bits = profiles.bits_per_weight(quantization);
  out.at_least =
      Bytes(static_cast<std::int64_t>(surely * out.bits / 8 * static_cast<double>(parameters)));
  out.read = [profiles, model, quantization] {
    return std::make_shared<const Model>(profiles.model(model, quantization));
  };
  return out;
}

}  // namespace

std::vector<Alternative> quantizations_of(const Model& model, const Profiles& profiles,
                                          std::span<const std::string> names) {
  std::vector<Alternative> out;
  if (model.source != ModelSource::catalog) {
    return out;
  }
  for (const std::string& name : names) {
    if (name != model.quantization && profiles.is_mlx(name) == is_mlx(model)) {
      out.push_back(
          // By the same name, which may be that of files that differ from the stock ones.
          alternative(Lever::quantization, profiles, model.catalog_name, parameters_of(model),
                      name));
    }
  }
  return out;
}

std::vector<Alternative> recommendable(const std::string& model, const Profiles& profiles,
                                       const AdviceRules& rules) {
  const std::string usual = profiles.usual_quantization(model);
  const Model read = profiles.model(model, usual);
  std::vector<Alternative> out;
  std::set<std::string> seen;
  const auto add = [&](const std::string& name) {
    // Models that were not trained in MXFP4 are not published in it.
    const bool foreign = name.starts_with("MXFP4") && name != usual;
    if (!foreign && seen.insert(name).second) {
      out.push_back(
          alternative(Lever::quantization, profiles, read.catalog_name, parameters_of(read), name));
    }
  };
  for (const PreferredQuantizations& preferred : rules.preferred) {
    std::for_each(preferred.names.begin(), preferred.names.end(), add);
  }
  for (const QuantizationGroup& group : rules.groups) {
    std::for_each(group.names.begin(), group.names.end(), add);
  }
  return out;
}

std::vector<Alternative> relatives_of(const Model& model, const Profiles& profiles) {
  std::vector<Alternative> out;
  if (model.source != ModelSource::catalog) {
    return out;
  }
  for (const Relative& relative : profiles.relatives(model.id)) {
    out.push_back(
        alternative(Lever::model, profiles, relative.id, relative.parameters, model.quantization));
  }
  return out;
}

}  // namespace membudget
