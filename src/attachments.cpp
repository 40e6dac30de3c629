// SPDX-License-Identifier: MIT
#include "membudget/attachments.hpp"

namespace membudget {

Bytes Projector::weights() const {
  constexpr std::int64_t alignment = 32;
  Bytes sum;
  for (const Tensor& tensor : tensors) {
    sum += Bytes{round_up(tensor.size().count(), alignment)};
  }
  return sum;
}

}  // namespace membudget
