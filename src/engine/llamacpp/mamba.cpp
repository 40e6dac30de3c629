// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {

NodeId Builder::mamba(const Mamba& /*mamba*/, NodeId /*x*/) {
  throw Error(Errc::unsupported, model_.id, "Mamba are not simulated yet");
}

}  // namespace membudget::llamacpp
