// SPDX-License-Identifier: MIT
#include "membudget/serving_rules.hpp"

#include <algorithm>

namespace membudget {

ServerRules ServingRules::server(std::string_view runtime) const {
  for (const ServerRules& each : servers) {
    if (std::find(each.runtimes.begin(), each.runtimes.end(), runtime) != each.runtimes.end()) {
      return each;
    }
  }
  ServerRules alone;
  alone.name = runtime;
  alone.runtimes = {alone.name};
  return alone;
}

const StorageSpeed* ServingRules::storage_of(std::string_view chip_name) const {
  for (const StorageSpeed& each : storage) {
    if (std::find(each.chips.begin(), each.chips.end(), chip_name) != each.chips.end()) {
      return &each;
    }
  }
  return nullptr;
}

}  // namespace membudget
