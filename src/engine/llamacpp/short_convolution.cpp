// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {

NodeId Builder::short_convolution(const ShortConvolution& /*convolution*/, NodeId /*x*/) {
  throw Error(Errc::unsupported, model_.id, "short convolutions are not simulated yet");
}

}  // namespace membudget::llamacpp
