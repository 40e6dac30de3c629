// SPDX-License-Identifier: MIT
#include "membudget/machine.hpp"

namespace membudget {

Machine machine(const Chip& chip) {
  Machine out;
  out.chip = chip;
  return out;
}

std::string_view to_string(System system) {
  switch (system) {
    case System::macos:
      return "macos";
    case System::gnu_linux:
      return "linux";
    case System::other:
      return "other";
  }
  return "";
}

}  // namespace membudget
