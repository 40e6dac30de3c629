// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "membudget/footprint.hpp"
#include "membudget/model.hpp"

namespace membudget {

/// Weights of one type in one place, as one token uses them.
struct WeightReads {
  ElementType type = ElementType::f32;
  bool experts = false;       ///< Of these a token uses only some.
  bool cpu = false;           ///< They stay on the CPU.
  bool head = false;          ///< Used once per answer, not for every token of a prompt.
  double bytes = 0;           ///< Read by one token.
  double resident_bytes = 0;  ///< Of all experts.
  double multiplied = 0;      ///< Weights one token is multiplied with.
};

/// Keys and values that one token at a depth looks at.
struct CacheReads {
  double bytes = 0;
  double bytes_by_head = 0;    ///< Each read again for every query head that shares it.
  double elements = 0;         ///< Elements x query heads.
  double latent_elements = 0;  ///< The same of MLA's latents.
  std::int64_t layers = 0;     ///< With attention.
};

/// What one token makes the machine do.
struct TokenWork {
  std::vector<WeightReads> weights;
  std::int64_t kernels = 0;
  std::int64_t products = 0;         ///< Of these, matrix products.
  std::int64_t expert_products = 0;  ///< Of these, with chosen experts.
  double state_bytes = 0;            ///< Of one sequence.
  double cpu_layers = 0;             ///< Share of the layers whose mixers stay on the CPU.
};

/// `footprint` is estimate()'s of the model; where it has no kernels, they are counted by layer.
[[nodiscard]] TokenWork token_work(const Model& model, const Footprint& footprint);

/// What the token after `depth` others looks at. The kernels work on blocks of a batch, so in a
/// prompt a window costs half a `batch` more than it reaches.
[[nodiscard]] CacheReads cache_reads(const Model& model, const Settings& settings, double depth,
                                     double batch = 0);

}  // namespace membudget
