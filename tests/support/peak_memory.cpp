// SPDX-License-Identifier: MIT
#include "support/peak_memory.hpp"

#ifdef __APPLE__
#include <sys/resource.h>
#else
#include <fstream>
#include <string>
#endif

namespace membudget::test {

std::int64_t peak_memory() {
#ifdef __APPLE__
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
#else
  // Not Linux's getrusage(), which begins with what held this process before exec().
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
#endif
}

}  // namespace membudget::test
