// SPDX-License-Identifier: MIT
#include "support/engine_log_text.hpp"

#include <fmt/format.h>

#include <sstream>

namespace membudget::test {
namespace {

/// Writes lines of one format.
class Writer {
 public:
  Writer(const LogFacts& facts, LogFormat format) : facts_(facts), format_(format) {}

  template <class... Values>
  void line(fmt::format_string<Values...> text, Values&&... values) {
    out_ += fmt::format(text, std::forward<Values>(values)...) + "\n";
  }
  [[nodiscard]] bool since(LogFormat format) const { return format_ >= format; }
  [[nodiscard]] std::string take() { return std::move(out_); }
  [[nodiscard]] const LogFacts& facts() const { return facts_; }

  /// "print_info: n_ctx_train      = 8192", in the width of its time.
  template <class Value>
  void meta(const char* key, const Value& value) {
    const int width = since(LogFormat::august_2026) ? 21 : 16;
    line("{}: {:<{}} = {}", since(LogFormat::january_2025) ? "print_info" : "llm_load_print_meta",
         key, width, value);
  }
  void meta_number(const char* key, std::int64_t value) {
    if (value != 0) meta(key, value);
  }
  void context(const char* key, const std::string& value) {
    const int width = since(LogFormat::august_2026) ? 21 : since(LogFormat::january_2025) ? 13 : 10;
    line("{}: {:<{}} = {}", context_function(), key, width, value);
  }
  void context_number(const char* key, std::int64_t value) {
    if (value != 0) context(key, fmt::format("{}", value));
  }
  [[nodiscard]] const char* context_function() const {
    if (since(LogFormat::october_2025)) return "llama_context";
    return since(LogFormat::january_2025) ? "llama_init_from_model"
                                          : "llama_new_context_with_model";
  }

 private:
  const LogFacts& facts_;
  LogFormat format_;
  std::string out_;
};

void write_start(Writer& out, bool server) {
  const LogFacts& facts = out.facts();
  if (!out.since(LogFormat::january_2025)) {
    if (server && out.since(LogFormat::april_2024)) {
      out.line(
          "INFO [                    main] build info | tid=\"0x1f\" timestamp=1712345678 "
          "build={} commit=\"4399f13f\"",
          facts.build);
      out.line(
          "INFO [                    main] system info | tid=\"0x1f\" timestamp=1712345678 "
          "n_threads=8 n_threads_batch=-1 total_threads=10");
    } else {
      out.line("Log start");
      out.line("main: build = {} (4399f13f)", facts.build);
      out.line("main: built with Apple clang version 15.0.0 for arm64-apple-darwin23.0.0");
      out.line("main: seed  = 1712345678");
    }
  } else if (facts.build != 0) {
    if (out.since(LogFormat::august_2026)) {
      out.line(
          "common_params_print_info: build {} (3f545becc) with AppleClang 17.0.0 for Darwin arm64",
          facts.build);
    } else {
      out.line("build: {} (84bf3c67) with Apple clang version 17.0.0 for arm64-apple-darwin24.6.0",
               facts.build);
    }
  }
  out.line(
      "system_info: n_threads = 8 (n_threads_batch = 8) / 10 | Metal : EMBED_LIBRARY = 1 | "
      "CPU : NEON = 1 | ARM_FMA = 1 | ACCELERATE = 1 | REPACK = 1 |");
  if (server && out.since(LogFormat::october_2025)) {
    out.line("main: binding port with default address family");
    out.line("main: loading model");
    out.line("srv    load_model: loading model '{}'", facts.path);
  }
  if (!facts.fit_projected.empty()) {
    const char* function =
        out.since(LogFormat::august_2026) ? "common_params_fit_impl" : "llama_params_fit_impl";
    out.line("{}: projected to use {} MiB of device memory vs. {} MiB of free device memory",
             function, facts.fit_projected, facts.fit_free);
    out.line("{}: will leave 4096 >= 1024 MiB of free device memory, no changes needed", function);
  }
}

void write_metal(Writer& out) {
  const LogFacts& facts = out.facts();
  if (facts.working_set.empty()) return;
  const char* function =
      out.since(LogFormat::october_2025) ? "ggml_metal_device_init" : "ggml_metal_init";
  if (!out.since(LogFormat::august_2026)) {
    out.line("{}: allocating", function);
    out.line("{}: found device: {}", function, facts.gpu);
    out.line("{}: picking default device: {}", function, facts.gpu);
    out.line("{}: GPU name:   {}", function, facts.gpu);
  } else {
    out.line("{}: GPU name:   MTL0 ({})", function, facts.gpu);
  }
  out.line("{}: GPU family: MTLGPUFamilyApple7  (1007)", function);
  out.line("{}: simdgroup matrix mul. = true", function);
  out.line("{}: hasUnifiedMemory              = true", function);
  out.line("{}: recommendedMaxWorkingSetSize  = {:>8} MB", function, facts.working_set);
}

void write_model(Writer& out) {
  const LogFacts& facts = out.facts();
  out.line(
      "llama_model_loader: loaded meta data with 29 key-value pairs and 292 tensors from {} "
      "(version GGUF V3 (latest))",
      facts.path);
  out.line(
      "llama_model_loader: Dumping metadata keys/values. Note: KV overrides do not apply in "
      "this output.");
  if (!facts.architecture.empty()) {
    out.line(
        "llama_model_loader: - kv   0:                       general.architecture str{:14}= {}", "",
        facts.architecture);
  }
  out.line(
      "llama_model_loader: - kv   1:                          general.type str              "
      "= model");
  out.line(
      "llama_model_loader: - kv  21:                tokenizer.ggml.tokens arr[str,128256]  "
      "= [\"!\", \"\\\"\", \"#\", \"n_ctx = 7\", \"size = 1 cells\", ...");
  for (const auto& [type, count] : facts.tensors) {
    out.line("llama_model_loader: - type {:>4}: {:>4} tensors", type, count);
  }
  if (out.since(LogFormat::january_2025)) {
    out.line("print_info: file format = GGUF V3 (latest)");
    if (!facts.file_type.empty()) out.line("print_info: file type   = {}", facts.file_type);
    if (!facts.file_size.empty())
      out.line("print_info: file size   = {} (4.89 BPW) ", facts.file_size);
    out.line("load: special tokens cache size = 256");
    out.line("load: token to piece cache size = 0.7999 MB");
  }
  out.meta("arch", facts.architecture.empty() ? "llama" : facts.architecture);
  out.meta_number("n_ctx_train", facts.trained_context);
  out.meta_number("n_embd", facts.embedding);
  out.meta_number("n_layer", facts.layers);
  out.meta_number("n_head", facts.heads);
  out.meta_number("n_head_kv", facts.kv_heads);
  out.meta("n_rot", 128);
  out.meta_number("n_ff", facts.feed_forward);
  out.meta("n_expert", facts.experts);
  out.meta("rope scaling", "linear");
  out.meta("freq_base_train", "500000.0");
  out.meta("model type", "8B");
  if (!out.since(LogFormat::january_2025)) {
    if (!facts.file_type.empty()) out.meta("model ftype", facts.file_type);
    if (!facts.file_size.empty()) out.meta("model size", facts.file_size + " (4.89 BPW) ");
  }
  if (!facts.parameters.empty()) out.meta("model params", facts.parameters);
  out.meta("general.name", facts.name.empty() ? "n/a" : facts.name);
  out.meta("vocab type", "BPE");
  out.meta_number("n_vocab", facts.vocabulary);
  out.meta("BOS token", "128000 '<|begin_of_text|>'");
}

void write_weights(Writer& out) {
  const LogFacts& facts = out.facts();
  const char* function = out.since(LogFormat::january_2025) ? "load_tensors" : "llm_load_tensors";
  if (out.since(LogFormat::february_2026)) {
    out.line("load_tensors: loading model tensors, this can take a while... (mmap = true)");
  } else {
    out.line("{}: ggml ctx size =    0.27 MiB", function);
  }
  if (facts.offloaded != 0) {
    out.line("{}: offloading {} repeating layers to GPU", function, facts.offloaded - 1);
    out.line("{}: offloaded {}/{} layers to GPU", function, facts.offloaded, facts.layers + 1);
  }
  for (const auto& [device, size] : facts.weights) {
    if (out.since(LogFormat::january_2025)) {
      out.line("{}: {:>12} model buffer size = {:>8} MiB", function, device, size);
    } else {
      out.line("{}: {:>10} buffer size = {:>8} MiB", function, device, size);
    }
  }
  out.line("...................................................................................");
}

const char* cache_function(const Writer& out) {
  if (out.since(LogFormat::february_2026)) return "llama_kv_cache";
  if (out.since(LogFormat::october_2025)) return "llama_kv_cache_unified";
  return "llama_kv_cache_init";
}

void write_caches(Writer& out) {
  const LogFacts& facts = out.facts();
  double total = 0;
  for (const auto& [device, size] : facts.caches) {
    total += std::stod(size);
    out.line("{}: {:>10} KV buffer size = {:>8} MiB", cache_function(out), device, size);
    if (!out.since(LogFormat::october_2025)) continue;
    const auto parallel = facts.parallel == 0 ? 1 : facts.parallel;
    out.line(
        "{}: size = {:>7} MiB ({:>6} cells, {:>3} layers, {:>2}/{} seqs), K ({}): {:>7.2f} "
        "MiB, V ({}): {:>7.2f} MiB",
        cache_function(out), size, facts.context, facts.layers, parallel,
        facts.unified ? 1 : parallel, facts.cache_type_k, std::stod(size) / 2, facts.cache_type_v,
        std::stod(size) / 2);
    if (out.since(LogFormat::august_2026)) {
      out.line("{}: attn_rot_k = 0, n_embd_head_k_all = 128", cache_function(out));
    }
  }
  if (!facts.caches.empty() && !out.since(LogFormat::october_2025)) {
    out.line("{}: KV self size  = {:>7.2f} MiB, K ({}): {:>7.2f} MiB, V ({}): {:>7.2f} MiB",
             out.context_function(), total, facts.cache_type_k, total / 2, facts.cache_type_v,
             total / 2);
  }
  for (const auto& [device, size] : facts.states) {
    out.line("llama_memory_recurrent: {:>10} RS buffer size = {:>8} MiB", device, size);
    out.line(
        "llama_memory_recurrent: size = {:>7} MiB ({:>6} cells, {:>3} layers, {:>2} seqs{}), R "
        "(f32):    1.00 MiB, S (f32):    1.00 MiB",
        size, facts.parallel, facts.layers, facts.parallel,
        out.since(LogFormat::august_2026) || facts.rollback != 0
            ? fmt::format(" {:>2} rs_seq", facts.rollback)
            : "");
  }
}

void write_context(Writer& out) {
  const LogFacts& facts = out.facts();
  if (out.since(LogFormat::october_2025)) out.line("llama_context: constructing llama_context");
  if (out.since(LogFormat::january_2025)) out.context_number("n_seq_max", facts.parallel);
  out.context_number("n_ctx", facts.context);
  if (out.since(LogFormat::january_2025)) {
    out.context_number(out.since(LogFormat::february_2026) ? "n_ctx_seq" : "n_ctx_per_seq",
                       facts.parallel == 0 ? facts.context : facts.context / facts.parallel);
  }
  if (out.since(LogFormat::april_2024)) {
    out.context_number("n_batch", facts.batch);
    out.context_number("n_ubatch", facts.ubatch);
  }
  if (out.since(LogFormat::october_2025)) {
    out.context("flash_attn", facts.flash_attention == "on"    ? "enabled"
                              : facts.flash_attention == "off" ? "disabled"
                                                               : "auto");
    out.context("kv_unified", facts.unified ? "true" : "false");
  } else if (out.since(LogFormat::january_2025)) {
    out.context("flash_attn", facts.flash_attention == "on" ? "1" : "0");
  }
  out.context("freq_base", "500000.0");
  if (out.since(LogFormat::august_2026)) {
    out.context("n_rs_seq", fmt::format("{}", facts.rollback));
    out.context_number("n_outputs_max", facts.outputs);
  }
  const char* output =
      out.since(LogFormat::october_2025) ? "llama_context" : out.context_function();
  if (out.since(LogFormat::october_2025) && !facts.output.empty()) {
    out.line("{}: {:>10}  output buffer size = {:>8} MiB", output, "CPU", facts.output);
  }
  write_caches(out);
  if (!out.since(LogFormat::october_2025) && !facts.output.empty()) {
    out.line("{}: {:>10}  output buffer size = {:>8} MiB", output, "CPU", facts.output);
  }
  const char* reserve =
      out.since(LogFormat::february_2026) ? "sched_reserve" : out.context_function();
  if (out.since(LogFormat::february_2026)) out.line("sched_reserve: reserving ...");
  if (out.since(LogFormat::october_2025) && facts.flash_attention == "auto") {
    out.line("{}: Flash Attention {}", reserve,
             out.since(LogFormat::august_2026) ? "enabled" : "was auto, set to enabled");
  }
  for (const auto& [device, size] : facts.compute) {
    out.line("{}: {:>10} compute buffer size = {:>8} MiB", reserve, device, size);
  }
  out.line("{}: graph nodes  = 1030", reserve);
  out.line("{}: graph splits = 2", reserve);
}

void write_service(Writer& out, bool server) {
  if (server && out.since(LogFormat::october_2025)) {
    out.line("srv          init: initializing slots, n_slots = 4");
    out.line("slot         init: id  0 | task -1 | new slot n_ctx_slot = 4096");
    out.line("main: server is listening on http://127.0.0.1:8080 - starting the main loop");
    out.line("srv  update_slots: all slots are idle");
    out.line("slot launch_slot_: id  0 | task 0 | processing task");
    out.line(
        "slot update_slots: id  0 | task 0 | new prompt, n_ctx_slot = 4096, n_keep = 0, "
        "n_prompt_tokens = 23");
    out.line("srv  log_server_r: request: POST /v1/chat/completions 127.0.0.1 200");
  } else {
    out.line("llama_print_timings:        load time =    4021.11 ms");
    out.line(
        "llama_print_timings: prompt eval time =     512.00 ms /    64 tokens (    8.00 ms per "
        "token,   125.00 tokens per second)");
  }
}

void write_end(Writer& out) {
  const LogFacts& facts = out.facts();
  if (facts.breakdown.empty()) return;
  const char* function = out.since(LogFormat::august_2026) ? "common_memory_breakdown_print"
                                                           : "llama_memory_breakdown_print";
  out.line(
      "{}: | memory breakdown [MiB]  | total    free     self   model   context   compute    "
      "unaccounted |",
      function);
  for (const auto& [device, numbers] : facts.breakdown) {
    constexpr std::size_t of_host = 4;
    if (numbers.size() == of_host) {
      out.line("{}: |   - {:<20} |                 {:>5} = {:>5} + {:>7} + {:>7}                |",
               function, device, numbers[0], numbers[1], numbers[2], numbers[3]);
    } else {
      out.line("{}: |   - {:<20} | {:>5} = {:>5} + ({:>5} = {:>5} + {:>7} + {:>7}) + {:>11} |",
               function, fmt::format("{} ({})", device, facts.gpu), numbers[0], numbers[1],
               numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]);
    }
  }
  out.line("ggml_metal_free: deallocating");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

LogFormat format_of_build(std::int64_t build) {
  constexpr std::int64_t last_of_2023 = 1950;
  if (build == 0 || build >= 10355) return LogFormat::august_2026;
  if (build >= 7909) return LogFormat::february_2026;
  if (build >= 6325) return LogFormat::october_2025;
  if (build >= 4463) return LogFormat::january_2025;
  return build > last_of_2023 ? LogFormat::april_2024 : LogFormat::november_2023;
}

std::string llama_log(const LogFacts& facts, LogFormat format, bool server) {
  Writer out(facts, format);
  write_start(out, server);
  write_metal(out);
  write_model(out);
  write_weights(out);
  write_context(out);
  write_service(out, server);
  write_end(out);
  return out.take();
}

std::string prefixed(const std::string& text, const std::string& prefix) {
  std::string out;
  for (const std::string& line : lines_of(text)) out += prefix + line + "\n";
  return out;
}

std::string coloured(const std::string& text) {
  std::string out;
  bool colour = false;
  for (const std::string& line : lines_of(text)) {
    out += colour ? "\x1b[32mI \x1b[0m" + line + "\x1b[0m\n" : line + "\r\n";
    colour = !colour;
  }
  return out;
}

std::string interleaved(const std::vector<std::string>& texts) {
  std::vector<std::vector<std::string>> lines;
  std::size_t most = 0;
  for (const std::string& text : texts) {
    lines.push_back(lines_of(text));
    most = std::max(most, lines.back().size());
  }
  std::string out;
  for (std::size_t at = 0; at < most; ++at) {
    for (const auto& each : lines) {
      if (at < each.size()) out += each[at] + "\n";
    }
  }
  return out;
}

LogFacts llama_8b_facts() {
  LogFacts out;
  out.build = 10587;
  out.working_set = "22906.50";
  out.path = "/Users/someone/models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf";
  out.name = "Meta Llama 3.1 8B Instruct";
  out.architecture = "llama";
  out.file_type = "Q4_K - Medium";
  out.parameters = "8.03 B";
  out.file_size = "4.58 GiB";
  out.layers = 32;
  out.embedding = 4096;
  out.heads = 32;
  out.kv_heads = 8;
  out.feed_forward = 14336;
  out.vocabulary = 128256;
  out.trained_context = 131072;
  out.tensors = {{"f32", 66}, {"q4_K", 193}, {"q6_K", 33}};
  out.context = 8192;
  out.batch = 2048;
  out.ubatch = 512;
  out.parallel = 1;
  out.outputs = 1;
  out.offloaded = 33;
  out.weights = {{"CPU_Mapped", "281.81"}, {"MTL0_Mapped", "4685.30"}};
  out.caches = {{"MTL0", "1024.00"}};
  out.compute = {{"MTL0", "258.50"}, {"CPU", "24.01"}};
  out.output = "0.49";
  return out;
}

}  // namespace membudget::test
