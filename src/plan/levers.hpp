// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/quality_table.hpp"

namespace membudget {

/// One of the values a lever can be set to, besides the one it has.
struct Position {
  Change change;
  std::int64_t regret = 0;
  std::string speed;
  std::string quality;
  std::string source;
  std::function<void(Workload&)> apply;      ///< Empty: only the model or the limit changes.
  const Alternative* alternative = nullptr;  ///< Planned instead of the model.
  bool raises_wired_limit = false;
};

/// A lever's positions, from the least to the most saving.
using Positions = std::vector<Position>;

/// Every position of every lever that may help a plan, one list per lever.
[[nodiscard]] std::vector<Positions> positions(const Model& model, const Plan& plan,
                                               const Runtime& runtime, const AdviceRules& rules,
                                               const QualityTable& quality,
                                               std::span<const Alternative> alternatives);

/// The change of `lever` with its costs, `steps` of the lever's steps long. `kind` is what the
/// costs go by where it is not the new value.
[[nodiscard]] Position position(const AdviceRules& rules, Lever lever, std::string from,
                                std::string to, std::int64_t steps = 1, std::string_view kind = {});

/// Position of a quantization among those the ladder steps over, finest first; -1 for others.
[[nodiscard]] std::int64_t rank_of(std::string_view quantization, const AdviceRules& rules);

/// "q8_0": a cache type as options spell it.
[[nodiscard]] std::string option_name(ElementType type);

/// Layers as --gpu-layers counts them, and how many of them a plan has on the GPU.
[[nodiscard]] std::int64_t offloadable_layers(const Model& model);
[[nodiscard]] std::int64_t offloaded_layers(const Model& model, const Settings& settings);

}  // namespace membudget
