// SPDX-License-Identifier: MIT
#include "engine/mlc/mlc.hpp"

#include "membudget/error.hpp"

namespace membudget::mlc {

Footprint footprint(const Model&, const Runtime& runtime, const Settings&) {
  throw Error(Errc::unsupported, "--runtime", runtime.id + " is not planned yet");
}

}  // namespace membudget::mlc
