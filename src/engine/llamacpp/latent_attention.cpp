// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {

NodeId Builder::latent_attention(const LatentAttention& /*attention*/, NodeId /*x*/) {
  throw Error(Errc::unsupported, model_.id, "latent attention are not simulated yet");
}

}  // namespace membudget::llamacpp
