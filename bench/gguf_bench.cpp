// SPDX-License-Identifier: MIT
// Reading whole files: the header of Llama 3.1 8B with its 128k tokens, and of a 70B with 256k.
#include <benchmark/benchmark.h>

#include "membudget/load_model.hpp"
#include "model_headers.hpp"
#include "source/gguf.hpp"

namespace membudget {
namespace {

void gguf_header(benchmark::State& state, const bench::HeaderKind& kind) {
  const bench::ModelOnDisk file(kind);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(read_gguf(file.path()));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * file.header_bytes());
}
BENCHMARK_CAPTURE(gguf_header, 8b_128k_vocabulary, bench::llama_8b_128k)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(gguf_header, 70b_256k_vocabulary, bench::llama_70b_256k)
    ->Unit(benchmark::kMillisecond);

/// ... and describing the model.
void load_gguf_file(benchmark::State& state, const bench::HeaderKind& kind) {
  const bench::ModelOnDisk file(kind);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(load_gguf(file.path()));
  }
}
BENCHMARK_CAPTURE(load_gguf_file, 8b_128k_vocabulary, bench::llama_8b_128k)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load_gguf_file, 70b_256k_vocabulary, bench::llama_70b_256k)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace membudget
