// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {

NodeId Builder::delta_net(const DeltaNet& /*delta_net*/, NodeId /*x*/) {
  throw Error(Errc::unsupported, model_.id, "gated delta nets are not simulated yet");
}

}  // namespace membudget::llamacpp
