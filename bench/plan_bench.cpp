// SPDX-License-Identifier: MIT
// Planning in process: what the midnight user waits for, without start-up.

#include <benchmark/benchmark.h>

#include "membudget/advise.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"

namespace membudget {
namespace {

void plan_model(benchmark::State& state, const char* name, std::int64_t slots) {
  const Profiles profiles = Profiles::embedded();
  const Model model = profiles.model(name);
  const Machine mac = machine(profiles.chip("m4-max-128gb"));
  const Runtime runtime = profiles.runtime("llama.cpp");
  Workload workload;
  workload.context = 8192;
  workload.parallel = slots;
  for (auto _ : state) {
    benchmark::DoNotOptimize(plan(model, mac, runtime, workload));
  }
}
BENCHMARK_CAPTURE(plan_model, llama_3_3_70b_80_layers, "llama-3.3-70b", 1)
    ->Unit(benchmark::kMicrosecond);

void load_catalog_model(benchmark::State& state) {
  const Profiles profiles = Profiles::embedded();
  for (auto _ : state) {
    benchmark::DoNotOptimize(profiles.model("llama-3.3-70b", "Q4_K_M"));
  }
}
BENCHMARK(load_catalog_model)->Unit(benchmark::kMicrosecond);

void largest_context(benchmark::State& state) {
  const Profiles profiles = Profiles::embedded();
  const Model model = profiles.model("qwen2.5-coder-32b");
  const Machine mac = machine(profiles.chip("m1-max-32gb"));
  const Runtime runtime = profiles.runtime("llama.cpp");
  for (auto _ : state) {
    benchmark::DoNotOptimize(max_context(model, mac, runtime, {}));
  }
}
BENCHMARK(largest_context)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace membudget
