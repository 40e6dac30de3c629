// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {

NodeId Builder::experts(const Experts& /*experts*/, NodeId /*x*/) {
  throw Error(Errc::unsupported, model_.id, "mixtures of experts are not simulated yet");
}

}  // namespace membudget::llamacpp
