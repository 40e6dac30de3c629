/* SPDX-License-Identifier: MIT */
/* Does a model fit a Mac, and how far can its context go? In C, with an installed membudget:
 *
 *   cc main.c $(pkg-config --cflags --libs membudget) -o plan && ./plan
 *
 * Against the static library: pkg-config --static. */
#include <membudget/membudget.h>
#include <stdio.h>

static const char* word_of(int verdict) {
  switch (verdict) {
    case MEMBUDGET_COMFORTABLE:
      return "comfortable";
    case MEMBUDGET_TIGHT:
      return "tight";
    case MEMBUDGET_CRAWLS:
      return "crawls";
    default:
      return "does-not-fit";
  }
}

/* Says what went wrong and gives back everything. Each destroy takes NULL. */
static int failed(membudget_planner* planner, char* error) {
  fprintf(stderr, "%s\n", error != NULL ? error : "out of memory");
  membudget_string_free(error);
  membudget_planner_destroy(planner);
  return 3;
}

int main(int argc, char** argv) {
  /* Options as those of `membudget plan`, without their dashes. */
  const char* request = argc > 1 ? argv[1]
                                 : "{\"model\": \"qwen2.5-coder:32b\", \"chip\": \"m1-max-32gb\","
                                   " \"ctx-size\": \"8k\"}";
  membudget_planner* planner = NULL;
  membudget_prepared* prepared = NULL;
  membudget_settings settings = MEMBUDGET_SETTINGS_INIT; /* Changes nothing of the request. */
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  int64_t largest = 0;
  char* error = NULL; /* JSON, and ours to free, after a failure. */

  if (membudget_planner_create(&planner) != MEMBUDGET_OK) return failed(planner, error);

  /* Looks model, chip and runtime up once; each call below is then a plan of its own. The `NULL`
   * would be a model from membudget_model_from_gguf() instead of one of the catalog. */
  if (membudget_prepare(planner, NULL, request, &prepared, &error) != MEMBUDGET_OK) {
    return failed(planner, error);
  }
  if (membudget_prepared_figures(prepared, &settings, &figures, &error) != MEMBUDGET_OK ||
      membudget_prepared_max_context(prepared, &settings, &largest, &error) != MEMBUDGET_OK) {
    membudget_prepared_destroy(prepared);
    return failed(planner, error);
  }
  /* Sizes are bytes; GiB = 2^30 of them. */
  printf("verdict: %s\n", word_of(figures.verdict));
  printf("memory: %.2f GiB of %.2f GiB\n", (double)figures.gpu_bytes / (1024.0 * 1024 * 1024),
         (double)figures.gpu_limit_bytes / (1024.0 * 1024 * 1024));
  printf("largest context: %lld tokens\n", (long long)largest);

  membudget_prepared_destroy(prepared);
  membudget_planner_destroy(planner);
  return figures.verdict <= MEMBUDGET_TIGHT ? 0 : 1;
}
