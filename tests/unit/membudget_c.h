/* SPDX-License-Identifier: MIT */
#ifndef MEMBUDGET_TESTS_MEMBUDGET_C_H
#define MEMBUDGET_TESTS_MEMBUDGET_C_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 when every call succeeds: qwen2.5-coder:32b on an M1 Max 32 GB, 8192 tokens, q8_0 caches. */
int c_plans_from_c(int64_t *total_bytes, int64_t *max_context);

#ifdef __cplusplus
}
#endif

#endif
