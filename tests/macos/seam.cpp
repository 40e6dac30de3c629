// SPDX-License-Identifier: MIT
// The least program that reads a Mac; it is linked and, without a Mac, never run.
#include <cstdio>

#include "membudget/this_machine.hpp"

int main() {
  const auto readings = membudget::read_host();
  const auto host = membudget::this_machine(readings, {}, {});
  std::printf("%s\n%s\n", host.processor.c_str(), host.system_name.c_str());
}
