/* SPDX-License-Identifier: MIT */
/* The C interface as a C compiler sees it: what is called here is checked in membudget_c_test.cpp. */
#include "membudget/membudget.h"

#include "unit/membudget_c.h"

int c_plans_from_c(int64_t *total_bytes, int64_t *max_context) {
  membudget_planner *planner = NULL;
  membudget_prepared *prepared = NULL;
  membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  int ok = membudget_planner_create(&planner) == MEMBUDGET_OK &&
           membudget_prepare(planner, NULL,
                             "{\"model\": \"qwen2.5-coder:32b\", \"chip\": \"m1-max-32gb\"}",
                             &prepared, NULL) == MEMBUDGET_OK;
  membudget_planner_destroy(planner); /* A prepared plan needs it no longer. */
  settings.context = 8192;
  settings.cache_type_k = "q8_0";
  settings.cache_type_v = "q8_0";
  ok = ok && membudget_prepared_figures(prepared, &settings, &figures, NULL) == MEMBUDGET_OK;
  ok = ok && membudget_prepared_max_context(prepared, &settings, max_context, NULL) == MEMBUDGET_OK;
  *total_bytes = figures.total_bytes;
  membudget_prepared_destroy(prepared);
  return ok;
}
