// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A size as an engine printed it: what the number stands for with the precision it has.
/// "312.75 MiB" may be anything from 312.745 to 312.755 MiB, a whole MiB of a memory breakdown
/// anything up to the next one.
struct PrintedSize {
  std::string text;  ///< "312.75 MiB"; of a sum "3072.00 + 18.00 MiB".
  Bytes low;         ///< The least and the most bytes that are printed so.
  Bytes high;

  /// Whether `size` is printed as this.
  [[nodiscard]] bool holds(Bytes size) const { return size >= low && size <= high; }
  /// Halfway between the least and the most; what a single number is to be taken for.
  [[nodiscard]] Bytes middle() const { return Bytes{low.count() + (high - low).count() / 2}; }
  friend bool operator==(const PrintedSize&, const PrintedSize&) = default;
};

/// Of two buffers together.
[[nodiscard]] PrintedSize operator+(const PrintedSize& a, const PrintedSize& b);

/// Who wrote a part of a log.
enum class LogEngine : std::uint8_t {
  llama_cpp,       ///< llama.cpp's own lines, also below Ollama or LM Studio.
  ollama_engine,   ///< Ollama's engine in Go, until 0.30: "model weights", "kv cache", ...
  mlx,             ///< mlx-lm: "Peak memory".
  ollama_process,  ///< A row of `ollama ps` or of /api/ps.
};

/// Which program wrote a log; `unknown` where none of its own lines is in it.
enum class LogProgram : std::uint8_t { unknown, llama_server, llama_cli, ollama, mlx_lm };

/// What an engine keeps in a buffer that it prints the size of.
enum class BufferKind : std::uint8_t {
  model,
  kv_cache,
  recurrent_state,
  compute,
  output,
  adapter,
};

/// One "... buffer size = ..." line, or several of the same device and kind.
struct LoggedBuffer {
  BufferKind kind = BufferKind::model;
  std::string device;  ///< "MTL0", "CPU_Mapped", "CUDA_Host"
  PrintedSize size;
};

/// A cache as "size = ... ( cells, layers, seqs)" describes it.
struct LoggedCache {
  bool recurrent = false;
  std::int64_t cells = 0;  ///< Per stream.
  std::int64_t layers = 0;
  std::int64_t sequences = 0;
  std::int64_t streams = 1;
  std::int64_t rollback = 0;  ///< rs_seq: states to return to, besides the current one.
  std::string type_k;         ///< "f16"; empty when not printed.
  std::string type_v;
};

/// A row of the table of llama_memory_breakdown_print; whole MiB, cut off.
struct LoggedBreakdown {
  std::string device;  ///< "MTL0", "Host"
  PrintedSize model;
  PrintedSize context;
  PrintedSize compute;
};

/// What a log says of the model; nothing where it is silent.
struct LoggedModel {
  std::string path;          ///< As on the command line.
  std::string name;          ///< general.name, or what the user asked for: "llama3.1:8b".
  std::string architecture;  ///< "qwen2"
  std::string file_type;     ///< As printed: "Q4_K - Medium".
  std::optional<std::int64_t>
      layers;  ///< Without those for drafting, where the log tells them apart.
  std::optional<std::int64_t> draft_layers;
  std::optional<std::int64_t> embedding;
  std::optional<std::int64_t> heads;  ///< Nothing where layers differ.
  std::optional<std::int64_t> kv_heads;
  std::optional<std::int64_t> feed_forward;
  std::optional<std::int64_t> vocabulary;
  std::optional<std::int64_t> trained_context;
  std::optional<std::int64_t> experts;
  double parameters = 0;  ///< As rounded in the log; 0 = not printed.
  std::optional<PrintedSize> file_size;
  std::map<std::string, std::int64_t> tensors;  ///< Of each type by its name: "q4_K" 193.

  /// Enough to tell shapes apart.
  [[nodiscard]] bool has_shape() const { return !architecture.empty() && layers && embedding; }
};

/// What a log says of the settings; nothing where it is silent.
struct LoggedSettings {
  std::optional<std::int64_t> context;  ///< n_ctx of all slots together.
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> ubatch;
  std::optional<std::int64_t> parallel;  ///< n_seq_max
  std::optional<std::int64_t> outputs;   ///< n_outputs_max
  std::optional<std::int64_t> rollback;  ///< n_rs_seq
  std::optional<bool> kv_unified;
  std::optional<bool> swa_full;
  std::optional<bool> mmap;
  std::optional<bool> kv_offload;
  std::optional<bool> embeddings;
  std::string flash_attention;  ///< "auto", "on", "off" as asked for; empty: not printed.
  std::optional<bool> flash_attention_became;  ///< What `auto` was resolved to.
  std::string cache_type_k;                    ///< "f16"; empty: not printed.
  std::string cache_type_v;
  std::optional<std::int64_t> gpu_layers;       ///< Offloaded, the output layer counted.
  std::optional<std::int64_t> layers_of_model;  ///< How many there were to offload.
  bool projector = false;                       ///< An image projector was loaded beside the model.
  bool adapter = false;                         ///< A LoRA was loaded.
  bool draft = false;  ///< A draft model or next-token layers propose tokens.
};

/// What a log says of the machine.
struct LoggedMachine {
  std::string gpu;                         ///< "Apple M1 Max"
  std::optional<PrintedSize> working_set;  ///< recommendedMaxWorkingSetSize
};

/// What mlx-lm prints after a run.
struct LoggedGeneration {
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t sequences = 1;     ///< mlx_lm.benchmark's batch_size.
  std::int64_t prefill_step = 0;  ///< From its command line; 0 = not given.
  std::int64_t kv_bits = 0;
  double prompt_tps = 0;
  double generation_tps = 0;
  std::optional<PrintedSize> peak;
};

/// One row of `ollama ps`.
struct LoggedProcess {
  PrintedSize size;                ///< Of all buffers.
  std::optional<PrintedSize> gpu;  ///< size_vram, where it is printed.
  std::int64_t gpu_percent = -1;   ///< From PROCESSOR; -1 = not printed.
};

/// What --fit expects to use of the devices: a plan of the engine's, nothing measured.
struct LoggedFit {
  PrintedSize projected;
  PrintedSize free;
};

/// What Ollama expected before it loaded a model (until 0.17): a plan of its own, nothing measured.
struct LoggedEstimate {
  std::optional<PrintedSize> required;  ///< memory.required.full
  std::optional<PrintedSize> partial;   ///< memory.required.partial
  std::optional<PrintedSize> kv_cache;
  std::optional<PrintedSize> weights;
  std::optional<PrintedSize> compute;  ///< memory.graph.full
};

/// The builds that a log can be of: by the number it prints, or by the lines of its kind.
struct LoggedBuild {
  std::optional<std::int64_t> number;  ///< As printed, where it can be an upstream one.
  std::int64_t from = 0;               ///< Inclusive.
  std::int64_t to = 0;                 ///< Inclusive; 0 = no end.
  bool foreign = false;  ///< A number is printed, but lines contradict it: a fork counts otherwise.
};

/// A model that was loaded, or run, once.
struct EngineLoad {
  LogEngine engine = LogEngine::llama_cpp;
  LogProgram program = LogProgram::unknown;
  std::int64_t first_line = 0;  ///< From 1.
  std::int64_t last_line = 0;
  LoggedBuild build;
  std::string version;  ///< Of the program around it: Ollama's "0.17.0"; empty: not printed.
  LoggedMachine machine;
  LoggedModel model;
  LoggedSettings settings;
  std::vector<LoggedBuffer> buffers;
  std::vector<LoggedCache> caches;
  std::vector<LoggedBreakdown> breakdown;
  std::optional<LoggedFit> fit;
  std::optional<LoggedEstimate> estimate;
  std::optional<LoggedGeneration> generation;
  std::optional<LoggedProcess> process;

  /// Something was measured that a plan can be set beside.
  [[nodiscard]] bool has_sizes() const;
  /// What is missing for a comparison, one sentence each; empty when nothing is.
  [[nodiscard]] std::vector<std::string> lacks() const;
};

/// What was found in a log.
struct EngineLog {
  std::vector<EngineLoad> loads;  ///< In the order they began; the latest 32 when there are more.
  std::int64_t forgotten = 0;     ///< Loads before those.
  std::int64_t lines = 0;
  std::int64_t cut_lines = 0;  ///< Longer than any line of an engine: only their start was read.
  bool quiet = false;          ///< llama.cpp of a build that prints sizes only when asked to.
};

/// Reads a log piece by piece, in memory that does not grow with it.
///
/// Understands llama.cpp since November 2023, its tables of memory and what --fit prints; Ollama's
/// server log with either engine; mlx-lm; `ollama ps` as a table and as JSON. Lines may carry
/// colours and the prefixes of journald, docker and llama-server's router, and lines of several
/// processes may be mixed where such a prefix tells them apart. Each load is kept apart; a second
/// context of the same model is a load of its own.
class EngineLogReader {
 public:
  EngineLogReader();
  ~EngineLogReader();
  EngineLogReader(EngineLogReader&&) noexcept;
  EngineLogReader& operator=(EngineLogReader&&) noexcept;

  /// The next piece, cut anywhere. Throws Error{unsupported} when it is no text: a model, an
  /// archive, UTF-16.
  void read(std::string_view piece);
  /// What was found; nothing may be read afterwards.
  [[nodiscard]] EngineLog finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole of a log that is in memory.
[[nodiscard]] EngineLog read_engine_log(std::string_view text);

/// As JSON has it: "llama.cpp", "ollama-engine".
[[nodiscard]] std::string_view to_string(LogEngine engine);
/// As JSON has it: "llama-server", "unknown".
[[nodiscard]] std::string_view to_string(LogProgram program);
/// As JSON has it: "model", "kv_cache".
[[nodiscard]] std::string_view to_string(BufferKind kind);

/// Whether a device of that name is the GPU: not CPU, BLAS, nor host memory a GPU can reach
/// ("CPU_Mapped", "CUDA_Host", "Host").
[[nodiscard]] bool is_gpu_device(std::string_view name);

}  // namespace membudget
#pragma GCC visibility pop
