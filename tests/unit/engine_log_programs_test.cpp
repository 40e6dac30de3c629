// SPDX-License-Identifier: MIT
// Logs that other programs than llama.cpp write.
#include <gtest/gtest.h>

#include <string>

#include "membudget/engine_log.hpp"

namespace membudget::test::engine_log_programs_test {
namespace {

TEST(EngineLogOfPrograms, OfOllamasOwnEngine) {
  const std::string text =
      "time=2025-10-20T10:00:00.000+02:00 level=INFO source=routes.go:1528 msg=\"Listening on "
      "[::]:11434 (version 0.12.6)\"\n"
      "time=2025-10-20T10:00:01.000+02:00 level=INFO source=types.go:112 msg=\"inference compute\" "
      "id=0 library=Metal compute=0.0 name=Metal description=\"Apple M4 Max\" libdirs=\"\" "
      "driver=0.0 pci_id=\"\" type=discrete total=\"96.0 GiB\" available=\"96.0 GiB\"\n"
      "time=2025-10-20T10:00:02.000+02:00 level=INFO source=server.go:400 msg=\"starting runner\" "
      "cmd=\"/Applications/Ollama.app/Contents/Resources/ollama runner --ollama-engine --model "
      "/Users/someone/.ollama/models/blobs/sha256-aabb --port 51000\"\n"
      "time=2025-10-20T10:00:02.100+02:00 level=INFO source=runner.go:1332 msg=\"starting ollama "
      "engine\"\n"
      "time=2025-10-20T10:00:02.200+02:00 level=INFO source=runner.go:1205 msg=load "
      "request=\"{Operation:fit LoraPath:[] Parallel:1 BatchSize:512 FlashAttention:true "
      "KvSize:8192 KvCacheType:q8_0 NumThreads:12 GPULayers:49[ID:0 Layers:49(0..48)] "
      "MultiUserCache:false ProjectorPath: MainGPU:0 UseMmap:false}\"\n"
      "time=2025-10-20T10:00:02.300+02:00 level=INFO source=ggml.go:136 msg=\"\" "
      "architecture=qwen3moe file_type=Q4_K_M name=\"Qwen3 30B A3B\" description=\"\" "
      "num_tensors=579 num_key_values=30\n"
      "time=2025-10-20T10:00:02.400+02:00 level=INFO source=device.go:206 msg=\"model weights\" "
      "device=Metal size=\"17.1 GiB\"\n"
      "time=2025-10-20T10:00:02.400+02:00 level=INFO source=device.go:211 msg=\"model weights\" "
      "device=CPU size=\"166.9 MiB\"\n"
      "time=2025-10-20T10:00:02.400+02:00 level=INFO source=device.go:217 msg=\"kv cache\" "
      "device=Metal size=\"408.0 MiB\"\n"
      "time=2025-10-20T10:00:02.400+02:00 level=INFO source=device.go:228 msg=\"compute graph\" "
      "device=Metal size=\"106.0 MiB\"\n"
      "time=2025-10-20T10:00:02.400+02:00 level=INFO source=device.go:238 msg=\"total memory\" "
      "size=\"17.8 GiB\"\n";
  const EngineLog log = read_engine_log(text);
  ASSERT_EQ(log.loads.size(), 1U);
  const EngineLoad& load = log.loads.front();
  EXPECT_EQ(load.engine, LogEngine::ollama_engine);
  EXPECT_EQ(load.model.architecture, "qwen3moe");
  EXPECT_EQ(load.model.name, "Qwen3 30B A3B");
  EXPECT_EQ(load.model.file_type, "Q4_K_M");
  EXPECT_EQ(load.settings.context, 8192);
  EXPECT_EQ(load.settings.batch, 512);
  EXPECT_EQ(load.settings.cache_type_k, "q8_0");
  EXPECT_EQ(load.settings.flash_attention, "on");
  EXPECT_EQ(load.machine.gpu, "Apple M4 Max");
  ASSERT_EQ(load.buffers.size(), 4U);
  EXPECT_EQ(load.buffers[0].size.text, "17.1 GiB");
  EXPECT_TRUE(load.buffers[0].size.holds(Bytes{18'361'000'000}));
}

TEST(EngineLogOfPrograms, OfMlxLm) {
  const EngineLog log = read_engine_log(
      "$ mlx_lm.generate --model mlx-community/Qwen3-4B-Instruct-2507-4bit --prompt - "
      "--max-tokens 100 --prefill-step-size 512\n"
      "Fetching 9 files: 100%|##########| 9/9 [00:00<00:00, 1234.5it/s]\n"
      "==========\nSome text that was generated.\n==========\n"
      "Prompt: 512 tokens, 1234.567 tokens-per-sec\n"
      "Generation: 100 tokens, 87.654 tokens-per-sec\n"
      "Peak memory: 3.141 GB\n");
  ASSERT_EQ(log.loads.size(), 1U);
  const EngineLoad& load = log.loads.front();
  EXPECT_EQ(load.engine, LogEngine::mlx);
  EXPECT_EQ(load.model.name, "mlx-community/Qwen3-4B-Instruct-2507-4bit");
  ASSERT_TRUE(load.generation.has_value());
  EXPECT_EQ(load.generation->prompt_tokens, 512);
  EXPECT_EQ(load.generation->generated_tokens, 100);
  EXPECT_EQ(load.generation->prefill_step, 512);
  EXPECT_DOUBLE_EQ(load.generation->prompt_tps, 1234.567);
  ASSERT_TRUE(load.generation->peak.has_value());
  EXPECT_TRUE(load.generation->peak->holds(Bytes{3'141'000'000}));
  EXPECT_FALSE(load.generation->peak->holds(Bytes{3'142'000'000}));
}

TEST(EngineLogOfPrograms, OfMlxLmsBenchmark) {
  const EngineLog log = read_engine_log(
      "Running warmup..\n"
      "Timing with prompt_tokens=2048, generation_tokens=128, batch_size=1.\n"
      "Trial 1:  prompt_tps=1576.730, generation_tps=104.680, peak_memory=4.250, total_time=2.515\n"
      "Trial 2:  prompt_tps=1577.000, generation_tps=104.700, peak_memory=4.250, total_time=2.514\n"
      "Averages: prompt_tps=1576.865, generation_tps=104.690, peak_memory=4.250\n");
  ASSERT_EQ(log.loads.size(), 1U);
  ASSERT_TRUE(log.loads.front().generation.has_value());
  EXPECT_EQ(log.loads.front().generation->prompt_tokens, 2048);
  EXPECT_EQ(log.loads.front().generation->peak->text, "4.250 GB");
}

TEST(EngineLogOfPrograms, OfOllamaPs) {
  const EngineLog log = read_engine_log(
      "NAME                ID              SIZE      PROCESSOR          CONTEXT    UNTIL\n"
      "llama3.1:8b         46e0c10c039e    6.0 GB    100% GPU           8192       4 minutes from "
      "now\n"
      "qwen3-coder:30b     06c1097efce0    26 GB     16%/84% CPU/GPU    262144     Forever\n");
  ASSERT_EQ(log.loads.size(), 2U);
  EXPECT_EQ(log.loads[0].model.name, "llama3.1:8b");
  EXPECT_EQ(log.loads[0].settings.context, 8192);
  EXPECT_EQ(log.loads[0].process->gpu_percent, 100);
  EXPECT_TRUE(log.loads[0].process->size.holds(Bytes{6'010'000'000}));
  EXPECT_EQ(log.loads[1].process->gpu_percent, 84);
  EXPECT_TRUE(log.loads[1].process->size.holds(Bytes{26'990'000'000})) << "26 GB are cut off";
  EXPECT_FALSE(log.loads[1].process->size.holds(Bytes{25'900'000'000}));
}

TEST(EngineLogOfPrograms, OfOllamaPsAsJson) {
  const std::string model =
      R"({"name":"llama3.1:8b","model":"llama3.1:8b","size":6012345678,"digest":"46e0",)"
      R"("details":{"family":"llama","parameter_size":"8.0B","quantization_level":"Q4_K_M"},)"
      R"("expires_at":"2026-08-21T10:05:00Z","size_vram":6012345678,"context_length":8192})";
  const std::string indented =
      "{\n  \"models\": [\n    {\n      \"name\": \"llama3.1:8b\",\n      \"size\": 6012345678,\n"
      "      \"size_vram\": 6012345678,\n      \"context_length\": 8192\n    }\n  ]\n}\n";
  for (const std::string& text : {"{\"models\":[" + model + "]}", model + "\n", indented}) {
    SCOPED_TRACE(text);
    const EngineLog log = read_engine_log(text);
    ASSERT_EQ(log.loads.size(), 1U);
    EXPECT_EQ(log.loads[0].process->size.low, Bytes{6012345678});
    EXPECT_EQ(log.loads[0].process->size.high, Bytes{6012345678});
    EXPECT_EQ(log.loads[0].settings.context, 8192);
  }
}

}  // namespace
}  // namespace membudget::test::engine_log_programs_test
