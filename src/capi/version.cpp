// SPDX-License-Identifier: MIT
#include "membudget/membudget.h"
#include "membudget/version.h"

const char* membudget_version(void) {
  return MEMBUDGET_VERSION;
}
