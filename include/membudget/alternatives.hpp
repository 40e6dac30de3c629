// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/profiles.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// The same model at the quantizations of `names`, itself left out, for ladder() and recommend().
/// Empty for a model that is not of the catalog: a file is what it is.
[[nodiscard]] std::vector<Alternative> quantizations_of(const Model& model,
                                                        const Profiles& profiles,
                                                        std::span<const std::string> names);
/// All quantizations that a recommendation may name for a catalog model, its own included.
/// Throws Error{unknown_name}.
[[nodiscard]] std::vector<Alternative> recommendable(const std::string& model,
                                                     const Profiles& profiles,
                                                     const AdviceRules& rules);
/// Other models of its family, at the model's quantization.
[[nodiscard]] std::vector<Alternative> relatives_of(const Model& model, const Profiles& profiles);

}  // namespace membudget
#pragma GCC visibility pop
