// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "source/gguf.hpp"
#include "support/gguf_writer.hpp"

namespace membudget {
namespace {

// A file with the header of Llama 3.1 8B: 291 tensors, 128256 tokens with their types and
// scores, 280147 merges; text of the lengths the real ones have on average.
class Llama8bFile {
 public:
  Llama8bFile()
      : path_(std::filesystem::temp_directory_path() /
              ("membudget-bench-" + std::to_string(::getpid()) + ".gguf")) {
    constexpr std::size_t tokens = 128'256;
    constexpr std::size_t merges = 280'147;
    test::GgufWriter gguf;
    gguf.set("general.architecture", "llama")
        .set("general.file_type", std::uint32_t{15})
        .set("llama.block_count", std::uint32_t{32})
        .set("llama.context_length", std::uint32_t{131072})
        .set_array("tokenizer.ggml.tokens", text(tokens, 3, 11))
        .set_array("tokenizer.ggml.scores", std::vector<float>(tokens, 0.0F))
        .set_array("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens, 1))
        .set_array("tokenizer.ggml.merges", text(merges, 4, 13))
        .add_tensor("token_embd.weight", {4096, 128'256}, ElementType::q4_k)
        .add_tensor("output.weight", {4096, 128'256}, ElementType::q6_k)
        .add_tensor("output_norm.weight", {4096}, ElementType::f32);
    for (int i = 0; i < 32; ++i) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      gguf.add_tensor(layer + "attn_norm.weight", {4096}, ElementType::f32)
          .add_tensor(layer + "attn_q.weight", {4096, 4096}, ElementType::q4_k)
          .add_tensor(layer + "attn_k.weight", {4096, 1024}, ElementType::q4_k)
          .add_tensor(layer + "attn_v.weight", {4096, 1024}, ElementType::q6_k)
          .add_tensor(layer + "attn_output.weight", {4096, 4096}, ElementType::q4_k)
          .add_tensor(layer + "ffn_norm.weight", {4096}, ElementType::f32)
          .add_tensor(layer + "ffn_gate.weight", {4096, 14336}, ElementType::q4_k)
          .add_tensor(layer + "ffn_up.weight", {4096, 14336}, ElementType::q4_k)
          .add_tensor(layer + "ffn_down.weight", {14336, 4096}, ElementType::q6_k);
    }
    header_bytes_ = static_cast<std::int64_t>(gguf.header().size());
    gguf.write(path_);
  }
  ~Llama8bFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  Llama8bFile(const Llama8bFile&) = delete;
  Llama8bFile& operator=(const Llama8bFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::int64_t header_bytes() const { return header_bytes_; }

 private:
  static std::vector<std::string> text(std::size_t count, std::size_t shortest,
                                       std::size_t longest) {
    std::vector<std::string> strings(count);
    for (std::size_t i = 0; i < count; ++i) {
      strings[i].assign(shortest + (i * 7919) % (longest - shortest + 1), 'x');
    }
    return strings;
  }

  std::filesystem::path path_;
  std::int64_t header_bytes_ = 0;
};

void gguf_header_8b_128k_vocabulary(benchmark::State& state) {
  const Llama8bFile file;
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_gguf(file.path()));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * file.header_bytes());
}
BENCHMARK(gguf_header_8b_128k_vocabulary)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace membudget
