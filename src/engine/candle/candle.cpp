// SPDX-License-Identifier: MIT
#include "engine/candle/candle.hpp"

#include "membudget/error.hpp"

namespace membudget::candle {

Footprint footprint(const Model&, const Runtime& runtime, const Settings&) {
  throw Error(Errc::unsupported, "--runtime", runtime.id + " is not planned yet");
}

}  // namespace membudget::candle
