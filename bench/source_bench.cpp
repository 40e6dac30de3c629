// SPDX-License-Identifier: MIT
// What reading a header costs beside copying its bytes once.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "source/byte_source.hpp"
#include "source/gguf.hpp"
#include "support/gguf_writer.hpp"

namespace membudget {
namespace {

/// The header of an 8B model: 291 tensors and a vocabulary whose strings are as long as those of
/// real ones on average.
std::string header_of(std::size_t tokens, std::size_t merges) {
  const auto text = [](std::size_t count, std::size_t shortest, std::size_t spread) {
    std::vector<std::string> strings(count);
    for (std::size_t i = 0; i < count; ++i) {
      strings[i].assign(shortest + i * 7919 % spread, 'x');
    }
    return strings;
  };
  test::GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set("llama.block_count", std::uint32_t{32})
      .set("tokenizer.ggml.model", "gpt2")
      .set_array("tokenizer.ggml.tokens", text(tokens, 3, 9))
      .set_array("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens, 1))
      .set_array("tokenizer.ggml.merges", text(merges, 4, 10));
  for (int i = 0; i < 32; ++i) {
    for (const char* name : {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm",
                             "ffn_gate", "ffn_up", "ffn_down"}) {
      gguf.add_tensor("blk." + std::to_string(i) + "." + name + ".weight", {4096, 4096},
                      ElementType::q4_k);
    }
  }
  return gguf.padded_header();
}

class HeaderOnDisk {
 public:
  explicit HeaderOnDisk(const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() /
              ("membudget-source-bench-" + std::to_string(::getpid()))) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~HeaderOnDisk() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  HeaderOnDisk(const HeaderOnDisk&) = delete;
  HeaderOnDisk& operator=(const HeaderOnDisk&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string header_for(const benchmark::State& state) {
  return header_of(static_cast<std::size_t>(state.range(0)),
                   static_cast<std::size_t>(state.range(1)));
}

void set_bytes(benchmark::State& state, const std::string& header) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(header.size()));
}

void header_memcpy(benchmark::State& state) {
  const std::string header = header_for(state);
  std::vector<char> copy(header.size());
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(copy.data(), header.data(), header.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  set_bytes(state, header);
}

void header_ifstream(benchmark::State& state) {
  const std::string header = header_for(state);
  const HeaderOnDisk file(header);
  std::vector<char> copy(header.size());
  for ([[maybe_unused]] auto _ : state) {
    std::ifstream stream(file.path(), std::ios::binary);
    stream.read(copy.data(), static_cast<std::streamsize>(copy.size()));
    benchmark::DoNotOptimize(copy.data());
  }
  set_bytes(state, header);
}

void header_parse_memory(benchmark::State& state) {
  const std::string header = header_for(state);
  const MemorySource source("memory", std::as_bytes(std::span(header)));
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(read_gguf(source));
  }
  set_bytes(state, header);
}

void header_parse_file(benchmark::State& state) {
  const std::string header = header_for(state);
  const HeaderOnDisk file(header);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(read_gguf(file.path()));
  }
  set_bytes(state, header);
}

// 8B with 128k tokens and with 256k.
#define HEADERS Args({128'256, 280'147})->Args({262'144, 514'906})->Unit(benchmark::kMicrosecond)
BENCHMARK(header_memcpy)->HEADERS;
BENCHMARK(header_ifstream)->HEADERS;
BENCHMARK(header_parse_memory)->HEADERS;
BENCHMARK(header_parse_file)->HEADERS;
#undef HEADERS

}  // namespace
}  // namespace membudget
