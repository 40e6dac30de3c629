// SPDX-License-Identifier: MIT
// A recommendation from the whole catalog, files decoded anew: under 300 ms on two cores.

#include <benchmark/benchmark.h>

#include "membudget/profiles.hpp"
#include "membudget/rank.hpp"

namespace membudget {
namespace {

void recommend_coding(benchmark::State& state, const char* chip) {
  const Profiles profiles = Profiles::embedded();
  const Machine mac = machine(profiles.chip(chip));
  const Runtime runtime = profiles.runtime("llama.cpp");
  RankRequest request;
  request.task = "coding";
  for ([[maybe_unused]] auto _ : state) {
    const auto catalog = profiles.catalog();
    benchmark::DoNotOptimize(rank(
        catalog,
        [&](const CatalogEntry& entry, const std::string& quantization) {
          return profiles.model(entry.id, quantization);
        },
        mac, runtime, profiles.speed_rules(runtime), profiles.capability_rules(),
        profiles.quality_table(), request));
  }
}
BENCHMARK_CAPTURE(recommend_coding, m1_16gb, "m1-16gb")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(recommend_coding, m1_max_32gb, "m1-max-32gb")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(recommend_coding, m4_max_128gb, "m4-max-128gb")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace membudget
