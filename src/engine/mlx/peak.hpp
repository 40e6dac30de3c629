// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "engine/mlx/caches.hpp"
#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

namespace membudget::mlx {

/// What lives beside the weights at one moment.
struct Moment {
  bool generating = false;  ///< Else in the last step of the prompt.
  std::int64_t tokens = 0;  ///< Cached per sequence.
  std::int64_t step = 0;    ///< Tokens computed at once, of all sequences.
  Bytes whole;              ///< Caches of the whole context, ...
  Bytes windowed;           ///< ... of windows.
  Bytes state;
  Bytes in_flight;   ///< Arrays of commands that are under way, scores apart.
  Bytes scores;      ///< Of attention that is not fused, with what it decompresses.
  Bytes scan;        ///< Instead of scores, the blocks of Mamba-2's scan.
  Bytes inputs;      ///< Of convolutions.
  Bytes growth;      ///< The old copy of a cache that is being made larger.
  Bytes one_scores;  ///< The largest array among the scores.

  [[nodiscard]] Bytes compute() const { return in_flight + scores + scan + inputs + growth; }
  [[nodiscard]] Bytes total() const { return whole + windowed + state + compute(); }
};

/// The moment at which most lives, of the prompt's last step and of generating the last token.
/// Sizes and shapes are mlx-lm's; how many arrays live at once is measured (MlxRules).
[[nodiscard]] Moment peak(const Caches& caches, const MlxRules& rules, const Settings& settings);

}  // namespace membudget::mlx
