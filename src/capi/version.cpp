// SPDX-License-Identifier: MIT
#include "membudget/version.h"

#include "membudget/membudget.h"

const char* membudget_version(void) {
  return MEMBUDGET_VERSION;
}
