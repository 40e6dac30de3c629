// SPDX-License-Identifier: MIT
#include "membudget/machine.hpp"

namespace membudget {

Machine machine(const Chip& chip) {
  Machine out;
  out.chip = chip;
  return out;
}

}  // namespace membudget
