// SPDX-License-Identifier: MIT
// Planning in process: what the midnight user waits for, without start-up.

#include <benchmark/benchmark.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
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
  for (auto _ : state) {
    workload.context = *workload.context % 131'072 + 256;
    benchmark::DoNotOptimize(plan(model, mac, runtime, workload));
  }
}
BENCHMARK_CAPTURE(one_more_estimate, llama_3_1_8b, "llama-3.1-8b")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(one_more_estimate, llama_3_1_70b, "llama-3.1-70b")->Unit(benchmark::kMicrosecond);

/// Every model of the catalog at 8 contexts with 3 cache types, on two threads.
void sweep_catalog(benchmark::State& state) {
  const Profiles profiles = Profiles::embedded();
  std::vector<Model> models;
  for (const std::string& id : profiles.model_ids()) {
    try {
      models.push_back(profiles.model(id));
    } catch (const Error&) {
      // An architecture that is not described yet.
    }
  }
  const Machine mac = machine(profiles.chip("m4-max-128gb"));
  const Runtime runtime = profiles.runtime("llama.cpp");
  const auto sweep = [&](std::atomic<std::size_t>& next, std::atomic<std::int64_t>& plans) {
    for (std::size_t i = next++; i < models.size(); i = next++) {
      for (std::int64_t context = 2048; context <= 262'144; context *= 2) {
        for (const ElementType type : {ElementType::f16, ElementType::q8_0, ElementType::q4_0}) {
          Workload workload;
          workload.context = context;
          workload.cache_type_k = workload.cache_type_v = type;
          try {
            benchmark::DoNotOptimize(plan(models[i], mac, runtime, workload));
          } catch (const Error&) {
            // A cache type the engine refuses for this model.
          }
          ++plans;
        }
      }
    }
  };
  std::int64_t count = 0;
  for (auto _ : state) {
    std::atomic<std::size_t> next = 0;
    std::atomic<std::int64_t> plans = 0;
    std::thread other([&] { sweep(next, plans); });
    sweep(next, plans);
    other.join();
    count = plans;
  }
  state.counters["plans"] = static_cast<double>(count);
}
BENCHMARK(sweep_catalog)->Unit(benchmark::kMillisecond)->UseRealTime();

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
