// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace membudget::fuzz {

/// How much memory this process took with `new` at most since this began, beyond what it had then.
/// One at a time.
class MemoryWatch {
 public:
  MemoryWatch();
  [[nodiscard]] std::int64_t peak() const;

 private:
  std::int64_t before_;
};

}  // namespace membudget::fuzz
