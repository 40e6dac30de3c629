// SPDX-License-Identifier: MIT
#include "engine/mlx/mlx.hpp"

#include "membudget/error.hpp"

namespace membudget::mlx {

Footprint footprint(const Model&, const Runtime& runtime, const Settings&) {
  throw Error(Errc::unsupported, "--runtime", runtime.id + " is not planned yet");
}

}  // namespace membudget::mlx
