// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace membudget {

/// A cable or network between two Macs (profiles/links.json).
struct Link {
  std::string id;                  ///< "10gbe"
  std::string name;                ///< "10 Gigabit Ethernet"
  double gigabits_per_second = 0;  ///< 10^9 bits; nominal where nobody published a measurement.
  double message_us = 0;           ///< From a send until the other side has it, for small messages.
  bool rdma = false;               ///< Carries MLX's JACCL backend; otherwise its ring over TCP.
  std::string source;
};

}  // namespace membudget
#pragma GCC visibility pop
