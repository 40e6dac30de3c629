// SPDX-License-Identifier: MIT
// What a run of the program is made of, piece by piece, without the system's own start of it.
#include <benchmark/benchmark.h>

#include <string>

#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "membudget/report.hpp"

namespace membudget {
namespace {

void embedded_profiles(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(Profiles::embedded());
  }
}
BENCHMARK(embedded_profiles)->Unit(benchmark::kMicrosecond);

// A set of profiles remembers what it decoded, so each run has its own.
template <class Look>
void first_look(benchmark::State& state, Look look) {
  for ([[maybe_unused]] auto _ : state) {
    const Profiles profiles = Profiles::embedded();
    benchmark::DoNotOptimize(look(profiles));
  }
}
BENCHMARK_CAPTURE(first_look, chip, [](const Profiles& all) {
  return all.chip("m1-max-32gb");
})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_look, runtime, [](const Profiles& all) {
  return all.runtime("llama.cpp");
})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_look, model_by_id, [](const Profiles& all) {
  return all.model("llama-3.1-8b");
})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_look, model_by_ollama_tag, [](const Profiles& all) {
  return all.model("llama3.1:8b");
})->Unit(benchmark::kMicrosecond);

/// From names to a report, all of it.
void plan_of_the_catalog(benchmark::State& state, const char* name) {
  for ([[maybe_unused]] auto _ : state) {
    const Profiles profiles = Profiles::embedded();
    PlanReport report;
    report.model = profiles.model(name);
    report.machine = machine(profiles.chip("m1-max-32gb"));
    report.runtime = profiles.runtime("llama.cpp");
    report.plan = plan(report.model, report.machine, report.runtime, {});
    benchmark::DoNotOptimize(to_text(report, {}));
  }
}
BENCHMARK_CAPTURE(plan_of_the_catalog, llama3_1_8b, "llama3.1:8b")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_of_the_catalog, deepseek_v3, "deepseek-v3")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace membudget
