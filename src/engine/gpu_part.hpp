// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>

#include "membudget/footprint.hpp"

namespace membudget {

/// A part of the memory of an engine that keeps all of a model on the GPU (Candle, MLC-LLM, Core
/// ML); those that split it between GPU and CPU say for each part where it lies.
[[nodiscard]] inline Part gpu_part(PartName name, Bytes bytes, Basis basis, std::string note,
                                   std::string formula) {
  return {.name = name,
          .where = Place::gpu,
          .bytes = bytes,
          .basis = basis,
          .note = std::move(note),
          .formula = std::move(formula)};
}

}  // namespace membudget
