// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "membudget/error.hpp"
#include "membudget/record.hpp"
#include "records/timing_log.hpp"
#include "support/refusal.hpp"

namespace membudget::record_import_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

RecordImport import(const std::string& text, Record known = {}) {
  std::istringstream in(text);
  return import_records(in, "text", known);
}

Record of_model(const std::string& model) {
  Record out;
  out.model = model;
  return out;
}

/// As llama-bench b10587 prints a row (tools/llama-bench/llama-bench.cpp, get_fields()).
std::string bench_row(int prompt, int generated, double rate) {
  return fmt::format(
      R"(  {{
    "build_commit": "3f545bec",
    "build_number": 10587,
    "cpu_info": "Apple M1 Max",
    "gpu_info": "Apple M1 Max",
    "backends": "MTL,BLAS",
    "model_filename": "/Users/someone/models/qwen2.5-coder-32b-instruct-q4_k_m.gguf",
    "model_type": "qwen2 32B Q4_K - Medium",
    "model_size": 19845357568,
    "model_n_params": 32763876352,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_threads": 8,
    "type_k": "q8_0",
    "type_v": "f16",
    "n_gpu_layers": 99,
    "flash_attn": 1,
    "n_prompt": {},
    "n_gen": {},
    "n_depth": 4096,
    "test_time": "2026-01-31T12:00:00Z",
    "avg_ns": 4000000000,
    "stddev_ns": 1000,
    "avg_ts": {},
    "stddev_ts": 0.1,
    "samples_ns": [ 4000000000 ],
    "samples_ts": [ {} ]
  }})",
      prompt, generated, rate, rate);
}

TEST(RecordImport, ReadsLlamaBenchsArray) {
  const auto found =
      import("[\n" + bench_row(512, 0, 128.5) + ",\n" + bench_row(0, 128, 11.25) + "\n]\n",
             of_model("qwen2.5-coder:32b"));
  ASSERT_THAT(found.records, SizeIs(2));
  const Record& prompt = found.records[0];
  EXPECT_EQ(prompt.model, "qwen2.5-coder:32b");
  EXPECT_EQ(prompt.quantization, "Q4_K_M");
  EXPECT_EQ(prompt.runtime, "llama.cpp");
  EXPECT_EQ(prompt.version, "b10587");
  EXPECT_EQ(prompt.time, "2026-01-31T12:00:00Z");
  EXPECT_EQ(prompt.prompt_tps, 128.5);
  EXPECT_EQ(prompt.prompt_tokens, 512);
  EXPECT_FALSE(prompt.generation_tps.has_value());
  EXPECT_EQ(prompt.context_used, 4608);
  EXPECT_EQ(prompt.cache_type_k, "q8_0");
  EXPECT_EQ(prompt.flash_attention, true);
  EXPECT_EQ(prompt.source, "llama-bench");
  EXPECT_EQ(found.records[1].generation_tps, 11.25);
  EXPECT_EQ(found.records[1].generated_tokens, 128);
  EXPECT_THAT(found.notes, IsEmpty());
}

TEST(RecordImport, ReadsLlamaBenchsLinesAndNamesTheFileWhereNobodyNamesTheModel) {
  std::string line = bench_row(0, 128, 11.25);
  std::erase(line, '\n');
  const auto found = import(line + "\n" + line + "\n");
  ASSERT_THAT(found.records, SizeIs(2));
  EXPECT_EQ(found.records[0].model, "qwen2.5-coder-32b-instruct-q4_k_m.gguf");
}

TEST(RecordImport, PassesOverRowsThatMixPromptAndGeneration) {
  const auto found = import(fmt::format("[{},{}]", bench_row(512, 128, 50), bench_row(0, 128, 11)));
  EXPECT_THAT(found.records, SizeIs(1));
  ASSERT_THAT(found.notes, SizeIs(1));
  EXPECT_THAT(found.notes[0], HasSubstr("reads 512 and generates 128"));
}

TEST(RecordImport, KnowsLlamaCppsNamesOfQuantizations) {
  EXPECT_EQ(quantization_of_description("qwen2 7B Q4_K - Medium"), "Q4_K_M");
  EXPECT_EQ(quantization_of_description("llama 8B Q3_K - Large"), "Q3_K_L");
  EXPECT_EQ(quantization_of_description("llama 8B Q4_K - Small"), "Q4_K_S");
  EXPECT_EQ(quantization_of_description("llama 8B Q2_K - Medium"), "Q2_K");
  EXPECT_EQ(quantization_of_description("llama 8B Q2_K - Small"), "Q2_K_S");
  EXPECT_EQ(quantization_of_description("llama 8B Q6_K"), "Q6_K");
  EXPECT_EQ(quantization_of_description("llama 8B Q8_0"), "Q8_0");
  EXPECT_EQ(quantization_of_description("llama 8B all F32"), "F32");
  EXPECT_EQ(quantization_of_description("llama 8B BF16"), "BF16");
  EXPECT_EQ(quantization_of_description("llama 8B IQ4_XS - 4.25 bpw"), "IQ4_XS");
  EXPECT_EQ(quantization_of_description("llama 8B IQ3_S mix - 3.66 bpw"), "IQ3_M");
  EXPECT_EQ(quantization_of_description("gpt-oss 20B MXFP4 MoE"), "MXFP4_MOE");
  EXPECT_EQ(quantization_of_description("something else"), "");
  EXPECT_EQ(quantization_of_description(""), "");
}

TEST(RecordImport, ReadsOllamasAnswers) {
  // As documented in Ollama's docs/api.md; a stream's other parts have no times.
  const auto found = import(
      R"({"model":"llama3.2","created_at":"2026-08-04T08:52:19.385406455-07:00","response":"The","done":false}
{"model":"llama3.2","created_at":"2026-08-04T19:22:45.499127Z","response":"","done":true,"total_duration":10706818083,"load_duration":6338219291,"prompt_eval_count":26,"prompt_eval_duration":130000000,"eval_count":259,"eval_duration":4232710000}
)");
  ASSERT_THAT(found.records, SizeIs(1));
  const Record& record = found.records[0];
  EXPECT_EQ(record.model, "llama3.2");
  EXPECT_EQ(record.runtime, "ollama");
  EXPECT_NEAR(record.generation_tps.value(), 61.19, 0.01);
  EXPECT_NEAR(record.prompt_tps.value(), 200, 1e-9);
  EXPECT_EQ(record.prompt_tokens, 26);
  EXPECT_EQ(record.generated_tokens, 259);
  EXPECT_EQ(record.context_used, 285);
  EXPECT_NEAR(record.first_token_ms.value(), 130 + 4232.71 / 259, 1e-6);
}

TEST(RecordImport, ReadsAnAnswerThatWasPrinted) {
  const auto found =
      import("{\n  \"model\": \"a\",\n  \"eval_count\": 10,\n  \"eval_duration\": 1000000000\n}\n");
  ASSERT_THAT(found.records, SizeIs(1));
  EXPECT_EQ(found.records[0].generation_tps, 10);
}

TEST(RecordImport, ReadsTheLogOfLlamaServer) {
  // Two slots at once, as b10587 logs (tools/server/server-context.cpp, print_timings()).
  const auto found = import(
      "0.12.345.678 I slot print_timing: id  0 | task 3 | prompt eval time =    1000.00 ms /  2000 "
      "tokens (    0.50 ms per token,  2000.00 tokens per second)\n"
      "0.12.345.679 I slot print_timing: id  1 | task 9 | prompt eval time =     500.00 ms /   500 "
      "tokens (    1.00 ms per token,  1000.00 tokens per second)\n"
      "0.12.345.680 I slot print_timing: id  0 | task 3 |        eval time =    2000.00 ms /   100 "
      "tokens (   20.00 ms per token,    50.00 tokens per second)\n"
      "0.12.345.681 I slot print_timing: id  0 | task 3 |       total time =    3000.00 ms /  2100 "
      "tokens\n"
      "0.12.345.682 I slot print_timing: id  1 | task 9 |        eval time =    1000.00 ms /    40 "
      "tokens (   25.00 ms per token,    40.00 tokens per second)\n"
      "0.12.345.683 I slot print_timing: id  1 | task 9 | draft acceptance = 0.57000 (   57 "
      "accepted /   100 generated), mean len =  2.10\n"
      "0.12.345.684 I slot      release: id  0 | task 3 | stop processing: n_tokens = 6100, "
      "truncated = 0\n",
      of_model("qwen2.5:7b"));
  ASSERT_THAT(found.records, SizeIs(2));
  EXPECT_EQ(found.records[0].prompt_tps, 2000);
  EXPECT_EQ(found.records[0].generation_tps, 50);
  EXPECT_EQ(found.records[0].first_token_ms, 1020);
  EXPECT_EQ(found.records[0].context_used, 6100);
  EXPECT_FALSE(found.records[0].draft);
  EXPECT_EQ(found.records[1].prompt_tps, 1000);
  EXPECT_EQ(found.records[1].generation_tps, 40);
  EXPECT_TRUE(found.records[1].draft);
  EXPECT_FALSE(found.records[1].context_used.has_value());
}

TEST(RecordImport, ReadsOlderServersAndPrograms) {
  const auto found = import(
      "slot print_timing: id  0 | task 0 | \n"
      "prompt eval time =     123.45 ms /    12 tokens (   10.29 ms per token,    97.21 tokens per "
      "second)\n"
      "       eval time =    2000.00 ms /   100 tokens (   20.00 ms per token,    50.00 tokens per "
      "second)\n"
      "      total time =    2123.45 ms /   112 tokens\n"
      "llama_print_timings: prompt eval time =    1000.00 ms /    50 tokens (   20.00 ms per "
      "token,    50.00 tokens per second)\n"
      "llama_print_timings:        eval time =    1000.00 ms /    25 runs   (   40.00 ms per "
      "token,    25.00 tokens per second)\n"
      "llama_perf_context_print:        eval time =       0.00 ms /     1 runs   (    0.00 ms per "
      "token,      inf tokens per second)\n",
      of_model("a"));
  ASSERT_THAT(found.records, SizeIs(2));
  EXPECT_NEAR(found.records[0].prompt_tps.value(), 97.21, 0.01);
  EXPECT_EQ(found.records[0].generation_tps, 50);
  EXPECT_EQ(found.records[1].generation_tps, 25);
}

TEST(RecordImport, DamagedTimingsAreNoRecords) {
  for (const char* line :
       {"eval time = ms / tokens", "eval time =   99999999999999999999999 ms / 1 tokens",
        "eval time = 10 ms / 1", "eval time", "eval time = 1.2.3 ms / 4 tokens",
        "prompt eval time = -3 ms / 4 tokens"}) {
    const Error error = error_of([&] { return import(line, of_model("a")); });
    EXPECT_EQ(error.code(), Errc::unsupported) << line;
  }
}

TEST(RecordImport, SaysWhatItReads) {
  expect_refusal(error_of([] { return import("hello\n"); }), Errc::unsupported, "text",
                 "llama-bench");
  expect_refusal(error_of([] { return import(""); }), Errc::unsupported, "text", "eval time");
  expect_refusal(error_of([] { return import("[1, 2"); }), Errc::unsupported, "text", "-o json");
  expect_refusal(error_of([] { return import("eval time = 10 ms / 5 tokens"); }), Errc::unsupported,
                 "text", "--model");
}

/// A log that is made while it is read.
class EndlessLog : public std::streambuf {
 public:
  explicit EndlessLog(std::size_t lines) : lines_(lines) {}
  int_type underflow() override {
    if (lines_ == 0) return traits_type::eof();
    --lines_;
    line_ = lines_ == 1 ? "eval time = 2000.00 ms / 100 tokens (\n"
                        : std::string(200, static_cast<char>('a' + lines_ % 26)) + "\n";
    setg(line_.data(), line_.data(), line_.data() + line_.size());
    return traits_type::to_int_type(line_.front());
  }

 private:
  std::size_t lines_;
  std::string line_;
};

TEST(RecordImport, ReadsLogsOfAnyLength) {
  EndlessLog log(500'000);  // 100 MB
  std::istream in(&log);
  EXPECT_THAT(import_records(in, "log", of_model("a")).records, SizeIs(1));
}

TEST(RecordImport, PassesOverWhatItsFileCouldNotHold) {
  std::string row = bench_row(512, 0, 128.5);
  const std::string batch = "\"n_batch\": 2048";
  row.replace(row.find(batch), batch.size(), "\"n_batch\": 99999999999");
  const auto found = import("[\n" + row + ",\n" + bench_row(0, 128, 11.25) + "\n]\n");
  ASSERT_THAT(found.records, SizeIs(1));
  EXPECT_EQ(found.records.front().generation_tps, 11.25);
  ASSERT_THAT(found.notes, SizeIs(1));
  EXPECT_THAT(found.notes.front(), testing::HasSubstr("/settings/batch"));
}

}  // namespace
}  // namespace membudget::record_import_test
