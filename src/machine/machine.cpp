// SPDX-License-Identifier: MIT
#include "membudget/machine.hpp"

namespace membudget {

Machine machine(const Chip& chip) {
  Machine out;
  out.chip = chip;
  out.reserve = chip.reserve;
  return out;
}

}  // namespace membudget
