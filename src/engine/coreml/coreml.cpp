// SPDX-License-Identifier: MIT
#include "engine/coreml/coreml.hpp"

#include "membudget/error.hpp"

namespace membudget::coreml {

Footprint footprint(const Model&, const Runtime& runtime, const Settings&) {
  throw Error(Errc::unsupported, "--runtime", runtime.id + " is not planned yet");
}

}  // namespace membudget::coreml
