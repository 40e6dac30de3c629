// SPDX-License-Identifier: MIT
// Planning in process: what the midnight user waits for, without start-up.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <string>

#include "membudget/advise.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "membudget/sweep.hpp"

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
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(plan(model, mac, runtime, workload));
  }
}
BENCHMARK_CAPTURE(plan_model, llama_3_3_70b_80_layers, "llama-3.3-70b", 1)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_model, deepseek_v3_4_slots, "deepseek-v3", 4)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_model, kimi_k2_4_slots, "kimi-k2-1t", 4)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(plan_model, glm_5_4_slots, "glm-5", 4)->Unit(benchmark::kMicrosecond);

/// One more estimate of a model that was read: the same with another context each time.
void one_more_estimate(benchmark::State& state, const char* name) {
  const Profiles profiles = Profiles::embedded();
  const Model model = profiles.model(name);
  const Machine mac = machine(profiles.chip("m4-max-128gb"));
  const Runtime runtime = profiles.runtime("llama.cpp");
  Workload workload;
  workload.parallel = 1;
  workload.context = 4096;
  for ([[maybe_unused]] auto _ : state) {
    workload.context = *workload.context % 131'072 + 256;
    benchmark::DoNotOptimize(plan(model, mac, runtime, workload));
  }
}
BENCHMARK_CAPTURE(one_more_estimate, llama_3_1_8b, "llama-3.1-8b")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(one_more_estimate, llama_3_1_70b, "llama-3.1-70b")->Unit(benchmark::kMicrosecond);

// The first models of the catalog over contexts and caches, by threads, with the search for the
// largest context of each model and cache.
void sweep_models(benchmark::State& state, std::size_t most) {
  const Profiles profiles = Profiles::embedded();
  SweepRequest request;
  const Runtime runtime = profiles.runtime("llama.cpp");
  for (const std::string& id : profiles.model_ids()) {
    if (request.subjects.size() == most) break;
    request.subjects.push_back({.quantization = {},
                                .model = std::make_shared<const Model>(profiles.model(id)),
                                .refusal = {},
                                .machine = machine(profiles.chip("m4-max-128gb")),
                                .runtime = runtime,
                                .workload = {},
                                .speed_rules = profiles.speed_rules(runtime),
                                .speed = {}});
  }
  for (const ElementType type : {ElementType::f16, ElementType::q8_0, ElementType::q4_0}) {
    request.cache_types.push_back({.k = type, .v = type});
  }
  request.contexts = context_axis("2k..256k", 0, "--ctx-size");
  const auto threads = static_cast<unsigned>(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(sweep(request, threads));
  }
  state.counters["points"] = static_cast<double>(
      request.subjects.size() * request.cache_types.size() * request.contexts.size());
}
BENCHMARK_CAPTURE(sweep_models, one, 1)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(sweep_models, twenty, 20)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(sweep_models, catalog, 1000)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void load_catalog_model(benchmark::State& state) {
  const Profiles profiles = Profiles::embedded();
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(profiles.model("llama-3.3-70b", "Q4_K_M"));
  }
}
BENCHMARK(load_catalog_model)->Unit(benchmark::kMicrosecond);

void largest_context(benchmark::State& state) {
  const Profiles profiles = Profiles::embedded();
  const Model model = profiles.model("qwen2.5-coder-32b");
  const Machine mac = machine(profiles.chip("m1-max-32gb"));
  const Runtime runtime = profiles.runtime("llama.cpp");
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(max_context(model, mac, runtime, {}));
  }
}
BENCHMARK(largest_context)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace membudget
