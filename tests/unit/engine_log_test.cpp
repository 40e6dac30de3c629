// SPDX-License-Identifier: MIT
#include "membudget/engine_log.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <string>

#include "membudget/error.hpp"
#include "support/engine_log_text.hpp"
#include "support/peak_memory.hpp"

namespace membudget::test::engine_log_test {
namespace {

/// The devices that builds of that format have.
LogFacts with_devices_of(LogFacts facts, LogFormat format) {
  const bool mtl = format >= LogFormat::february_2026;
  const bool mapped = format >= LogFormat::january_2025;
  const auto rename = [&](auto& buffers) {
    for (auto& [device, size] : buffers) {
      const bool gpu = is_gpu_device(device);
      const bool map = device.ends_with("_Mapped") && mapped;
      device = (gpu ? (mtl ? "MTL0" : "Metal") : "CPU") + std::string(map ? "_Mapped" : "");
    }
  };
  rename(facts.weights);
  rename(facts.caches);
  rename(facts.states);
  rename(facts.compute);
  return facts;
}

Bytes mib_of(const std::string& text) {
  return Bytes{static_cast<std::int64_t>(std::stod(text) * 1048576.0)};
}

const LoggedBuffer* buffer(const EngineLoad& load, BufferKind kind, bool gpu) {
  for (const LoggedBuffer& each : load.buffers) {
    if (each.kind == kind && is_gpu_device(each.device) == gpu) return &each;
  }
  return nullptr;
}

void expect_size(const EngineLoad& load, BufferKind kind, bool gpu, const std::string& mib) {
  const LoggedBuffer* found = buffer(load, kind, gpu);
  ASSERT_NE(found, nullptr) << to_string(kind);
  EXPECT_TRUE(found->size.holds(mib_of(mib))) << found->size.text << " is not " << mib;
  EXPECT_LE(found->size.high - found->size.low, Bytes{10488}) << "0.01 MiB and its ends";
}

void expect_llama_8b(const EngineLoad& load) {
  EXPECT_EQ(load.model.architecture, "llama");
  EXPECT_EQ(load.model.layers, 32);
  EXPECT_EQ(load.model.embedding, 4096);
  EXPECT_EQ(load.model.heads, 32);
  EXPECT_EQ(load.model.kv_heads, 8);
  EXPECT_EQ(load.model.vocabulary, 128256);
  EXPECT_EQ(load.model.trained_context, 131072);
  EXPECT_EQ(load.model.file_type, "Q4_K - Medium");
  EXPECT_EQ(load.model.tensors.at("q4_K"), 193);
  EXPECT_EQ(load.settings.context, 8192);
  EXPECT_EQ(load.settings.gpu_layers, 33);
  EXPECT_EQ(load.settings.layers_of_model, 33);
  EXPECT_EQ(load.settings.cache_type_k, "f16");
  expect_size(load, BufferKind::model, true, "4685.30");
  expect_size(load, BufferKind::model, false, "281.81");
  expect_size(load, BufferKind::kv_cache, true, "1024.00");
  expect_size(load, BufferKind::compute, true, "258.50");
  expect_size(load, BufferKind::compute, false, "24.01");
  expect_size(load, BufferKind::output, false, "0.49");
  EXPECT_EQ(load.machine.gpu, "Apple M1 Max");
  ASSERT_TRUE(load.machine.working_set.has_value());
  EXPECT_TRUE(load.machine.working_set->holds(Bytes{22906503168}));
}

std::int64_t build_of(LogFormat format) {
  switch (format) {
    case LogFormat::november_2023:
      return 1500;
    case LogFormat::april_2024:
      return 2600;
    case LogFormat::january_2025:
      return 4500;
    case LogFormat::october_2025:
      return 6700;
    case LogFormat::february_2026:
      return 8000;
    case LogFormat::august_2026:
      return 10587;
  }
  return 0;
}

TEST(EngineLog, OfEveryFormatGivesTheSameFigures) {
  for (const LogFormat format : all_formats) {
    for (const bool server : {true, false}) {
      SCOPED_TRACE(fmt::format("format {} {}", static_cast<int>(format), server));
      LogFacts facts = with_devices_of(llama_8b_facts(), format);
      facts.build = build_of(format);
      const EngineLog log = read_engine_log(llama_log(facts, format, server));
      ASSERT_EQ(log.loads.size(), 1U);
      const EngineLoad& load = log.loads.front();
      expect_llama_8b(load);
      EXPECT_EQ(load.build.number, facts.build);
      EXPECT_FALSE(load.build.foreign);
      EXPECT_EQ(load.engine, LogEngine::llama_cpp);
      EXPECT_TRUE(load.lacks().empty());
    }
  }
}

TEST(EngineLog, WithoutABuildKnowsWhichBuildsWriteSuchLines) {
  const auto bounds = [](LogFormat format) {
    LogFacts facts = with_devices_of(llama_8b_facts(), format);
    facts.build = 0;
    std::string text = llama_log(facts, format, false);
    if (format < LogFormat::january_2025) {
      text.erase(0, text.find("main: built"));  // Also without its number.
    }
    const LoggedBuild build = read_engine_log(text).loads.at(0).build;
    return std::pair(build.from, build.to);
  };
  // n_outputs_max since b10355; MTL0 since b7909; n_outputs_max is missing and so is attn_rot_k.
  EXPECT_EQ(bounds(LogFormat::august_2026), std::pair(std::int64_t{10355}, std::int64_t{0}));
  EXPECT_EQ(bounds(LogFormat::february_2026), std::pair(std::int64_t{7909}, std::int64_t{8618}));
  EXPECT_EQ(bounds(LogFormat::october_2025), std::pair(std::int64_t{6325}, std::int64_t{6924}));
  EXPECT_EQ(bounds(LogFormat::january_2025), std::pair(std::int64_t{0}, std::int64_t{5856}));
}

TEST(EngineLog, IsTheSameBehindPrefixesAndColours) {
  const std::string plain = llama_log(llama_8b_facts(), LogFormat::august_2026);
  for (const std::string& text :
       {coloured(plain), prefixed(plain, "0.00.123.456 I "),
        prefixed(plain, "Jan  3 10:11:12 mac-studio ollama[812]: "),
        prefixed(plain, "2026-01-03T10:11:12+01:00 box llama-server[99]: "),
        prefixed(plain, "llama-server-1  | "), prefixed(plain, "[ 8081] "),
        prefixed(plain, "2026-08-28T07:01:02.123456789Z "),
        prefixed(plain, "[2026-08-28 07:01:02][DEBUG] ")}) {
    SCOPED_TRACE(text.substr(0, 60));
    const EngineLog log = read_engine_log(text);
    ASSERT_EQ(log.loads.size(), 1U);
    expect_llama_8b(log.loads.front());
  }
}

TEST(EngineLog, KeepsMixedProcessesApart) {
  LogFacts other = llama_8b_facts();
  other.path = "/models/qwen.gguf";
  other.architecture = "qwen2";
  other.layers = 28;
  other.compute = {{"MTL0", "304.00"}, {"CPU", "11.00"}};
  const std::string first = llama_log(llama_8b_facts(), LogFormat::august_2026);
  const std::string second = llama_log(other, LogFormat::august_2026);
  const EngineLog log =
      read_engine_log(interleaved({prefixed(first, "Jan  3 10:11:12 mac ollama[812]: "),
                                   prefixed(second, "Jan  3 10:11:12 mac ollama[813]: ")}));
  ASSERT_EQ(log.loads.size(), 2U);
  expect_llama_8b(log.loads[0]);
  EXPECT_EQ(log.loads[1].model.architecture, "qwen2");
  expect_size(log.loads[1], BufferKind::compute, true, "304.00");
}

TEST(EngineLog, OfSeveralLoadsHasEach) {
  std::string text;
  for (const char* size : {"100.00", "200.00", "300.00"}) {
    LogFacts facts = llama_8b_facts();
    facts.compute = {{"MTL0", size}, {"CPU", "24.01"}};
    text += llama_log(facts, LogFormat::august_2026);
  }
  const EngineLog log = read_engine_log(text);
  ASSERT_EQ(log.loads.size(), 3U);
  expect_size(log.loads[0], BufferKind::compute, true, "100.00");
  expect_size(log.loads[2], BufferKind::compute, true, "300.00");
  EXPECT_LT(log.loads[0].last_line, log.loads[1].first_line);
}

TEST(EngineLog, OfASecondContextHasTheSameModelTwice) {
  const std::string text = llama_log(llama_8b_facts(), LogFormat::august_2026);
  const auto context = text.find("llama_context: constructing");
  const std::string again = text.substr(context, text.find("srv  ", context) - context);
  const EngineLog log = read_engine_log(text + again);
  ASSERT_EQ(log.loads.size(), 2U);
  expect_size(log.loads[1], BufferKind::model, true, "4685.30");
  expect_size(log.loads[1], BufferKind::compute, true, "258.50");
}

TEST(EngineLog, TakesTheLargerBufferThatIsMadeLater) {
  const std::string text = llama_log(llama_8b_facts(), LogFormat::august_2026) +
                           "sched_reserve:       MTL0 compute buffer size =   300.25 MiB\n";
  const EngineLog log = read_engine_log(text);
  ASSERT_EQ(log.loads.size(), 1U);
  expect_size(log.loads.front(), BufferKind::compute, true, "300.25");
}

TEST(EngineLog, PassesOverFilesThatAreOnlyLookedInto) {
  const std::string probe =
      "llama_model_loader: loaded meta data with 29 key-value pairs and 292 tensors from /m/x.gguf "
      "(version GGUF V3 (latest))\n"
      "print_info: arch                  = llama\n"
      "print_info: no_alloc              = 1\n"
      "load_tensors:  MTL0_Mapped model buffer size =     0.00 MiB\n"
      "sched_reserve:       MTL0 compute buffer size =     0.00 MiB\n";
  const EngineLog log =
      read_engine_log(probe + llama_log(llama_8b_facts(), LogFormat::august_2026));
  ASSERT_EQ(log.loads.size(), 1U);
  expect_llama_8b(log.loads.front());
}

TEST(EngineLog, ReadsMemoryBreakdownAndFit) {
  LogFacts facts = llama_8b_facts();
  facts.weights.clear();
  facts.caches.clear();
  facts.compute.clear();
  facts.output.clear();
  facts.breakdown = {{"MTL0", {"21845", "15900", "5944", "4685", "1024", "234", "0"}},
                     {"Host", {"305", "281", "0", "24"}}};
  facts.fit_projected = "5944";
  facts.fit_free = "21845";
  for (const LogFormat format : {LogFormat::february_2026, LogFormat::august_2026}) {
    const EngineLog log = read_engine_log(llama_log(facts, format));
    ASSERT_EQ(log.loads.size(), 1U);
    const EngineLoad& load = log.loads.front();
    ASSERT_EQ(load.breakdown.size(), 2U);
    EXPECT_EQ(load.breakdown[0].device, "MTL0");
    EXPECT_EQ(load.breakdown[0].model.low, mib(4685));
    EXPECT_EQ(load.breakdown[0].model.high, mib(4686) - Bytes{1});
    EXPECT_EQ(load.breakdown[0].compute.low, mib(234));
    EXPECT_EQ(load.breakdown[1].device, "Host");
    EXPECT_EQ(load.breakdown[1].compute.low, mib(24));
    ASSERT_TRUE(load.fit.has_value());
    EXPECT_EQ(load.fit->projected.low, mib(5944));
    EXPECT_EQ(load.fit->free.low, mib(21845));
  }
}

TEST(EngineLog, HasSlidingCachesAndStates) {
  LogFacts facts = llama_8b_facts();
  facts.caches = {{"MTL0", "3072.00"}, {"MTL0", "18.00"}};
  facts.states = {{"MTL0", "50.25"}};
  facts.rollback = 3;
  const EngineLog log = read_engine_log(llama_log(facts, LogFormat::august_2026));
  ASSERT_EQ(log.loads.size(), 1U);
  const EngineLoad& load = log.loads.front();
  const LoggedBuffer* cache = buffer(load, BufferKind::kv_cache, true);
  ASSERT_NE(cache, nullptr);
  EXPECT_TRUE(cache->size.holds(mib(3090)));
  EXPECT_EQ(cache->size.text, "3072.00 + 18.00 MiB");
  ASSERT_EQ(load.caches.size(), 3U);
  EXPECT_EQ(load.caches[2].rollback, 3);
  expect_size(load, BufferKind::recurrent_state, true, "50.25");
}

TEST(EngineLog, OfOllamaBeforeItsOwnEngine) {
  LogFacts facts = with_devices_of(llama_8b_facts(), LogFormat::april_2024);
  const std::string text =
      "2025/01/12 10:00:00 routes.go:1259: INFO server config env=\"map[OLLAMA_DEBUG:false "
      "OLLAMA_KV_CACHE_TYPE: OLLAMA_NUM_PARALLEL:0]\"\n"
      "time=2025-01-12T10:00:00.001+01:00 level=INFO source=routes.go:1310 msg=\"Listening on "
      "127.0.0.1:11434 (version 0.5.4)\"\n"
      "time=2025-01-12T10:00:02.000+01:00 level=INFO source=types.go:131 msg=\"inference compute\" "
      "id=0 library=metal variant=\"\" compute=\"\" driver=0.0 name=\"\" total=\"21.3 GiB\" "
      "available=\"21.3 GiB\"\n"
      "time=2025-01-12T10:00:03.000+01:00 level=INFO source=memory.go:356 msg=\"offload to metal\" "
      "layers.requested=-1 layers.model=33 layers.offload=33 layers.split=\"\" "
      "memory.available=\"[21.3 GiB]\" memory.gpu_overhead=\"0 B\" memory.required.full=\"6.5 "
      "GiB\" "
      "memory.required.partial=\"6.5 GiB\" memory.required.kv=\"1.0 GiB\" "
      "memory.required.allocations=\"[6.5 GiB]\" memory.weights.total=\"4.7 GiB\" "
      "memory.weights.repeating=\"4.3 GiB\" memory.weights.nonrepeating=\"411.0 MiB\" "
      "memory.graph.full=\"560.0 MiB\" memory.graph.partial=\"560.0 MiB\"\n"
      "time=2025-01-12T10:00:03.010+01:00 level=INFO source=server.go:376 msg=\"starting llama "
      "server\" cmd=\"/Applications/Ollama.app/ollama_llama_server runner --model "
      "/Users/someone/.ollama/models/blobs/sha256-667b --ctx-size 8192 --batch-size 512 "
      "--n-gpu-layers 33 --threads 8 --parallel 4 --port 50001\"\n"
      "time=2025-01-12T10:00:03.020+01:00 level=INFO source=runner.go:945 msg=\"starting go "
      "runner\"\n" +
      llama_log(facts, LogFormat::april_2024, false) +
      "time=2025-01-12T10:00:05.000+01:00 level=INFO source=server.go:594 msg=\"llama runner "
      "started in 2.00 seconds\"\n"
      "[GIN] 2025/01/12 - 10:00:09 | 200 |  4.1s |       127.0.0.1 | POST     \"/api/generate\"\n";
  const EngineLog log = read_engine_log(text);
  ASSERT_EQ(log.loads.size(), 1U);
  const EngineLoad& load = log.loads.front();
  expect_llama_8b(load);
  EXPECT_EQ(load.program, LogProgram::ollama);
  EXPECT_EQ(load.version, "0.5.4");
  ASSERT_TRUE(load.estimate.has_value());
  EXPECT_EQ(load.estimate->required->text, "6.5 GiB");
  EXPECT_EQ(load.estimate->kv_cache->text, "1.0 GiB");
  EXPECT_EQ(load.estimate->compute->text, "560.0 MiB");
  EXPECT_EQ(load.settings.parallel, 4);
}

TEST(EngineLog, OfOllamaSince030) {
  LogFacts facts = llama_8b_facts();
  facts.build = 0;
  facts.path = "/Users/someone/.ollama/models/blobs/sha256-667b";
  const std::string text =
      "time=2026-08-21T10:00:00.000-07:00 level=INFO source=routes.go:2008 msg=\"Listening on "
      "127.0.0.1:11434 (version 0.31.0)\"\n"
      "time=2026-08-21T10:00:02.000-07:00 level=INFO source=llama_server.go:433 msg=\"starting "
      "llama-server\" cmd=\"/Applications/Ollama.app/Contents/Resources/llama-server --model "
      "/Users/someone/.ollama/models/blobs/sha256-667b --port 50123 --host 127.0.0.1 --no-webui "
      "--offline -c 8192 -np 1 --log-verbosity 4 --no-log-prefix --no-log-timestamps --jinja "
      "--flash-attn auto -b 1024 -ub 1024\"\n" +
      llama_log(facts, LogFormat::august_2026) +
      "time=2026-08-21T10:00:05.000-07:00 level=INFO source=llama_server.go:1362 "
      "msg=\"llama-server started in 2.51 seconds\"\n";
  const EngineLog log = read_engine_log(text);
  ASSERT_EQ(log.loads.size(), 1U);
  const EngineLoad& load = log.loads.front();
  expect_llama_8b(load);
  EXPECT_EQ(load.settings.ubatch, 512) << "What the engine prints stands before its command.";
  EXPECT_EQ(load.settings.flash_attention, "auto");
  EXPECT_EQ(load.version, "0.31.0");
}

TEST(EngineLog, OfTwoLinesOnlySaysWhatItLacks) {
  const EngineLog log =
      read_engine_log("load_tensors:  MTL0_Mapped model buffer size =  4685.30 MiB\n");
  ASSERT_EQ(log.loads.size(), 1U);
  const auto lacks = log.loads.front().lacks();
  ASSERT_EQ(lacks.size(), 2U);
  EXPECT_NE(lacks[0].find("--model"), std::string::npos);
  EXPECT_NE(lacks[1].find("--ctx-size"), std::string::npos);
}

TEST(EngineLog, OfAQuietServerSaysHowToHearMore) {
  const EngineLog log = read_engine_log(
      "srv    load_model: loading model '/models/x.gguf'\n"
      "srv          init: initializing, n_slots = 4, n_ctx_slot = 8192, kv_unified = 'true'\n"
      "srv         start: listening on http://127.0.0.1:8080\n");
  EXPECT_TRUE(log.quiet);
  ASSERT_EQ(log.loads.size(), 1U);
  EXPECT_NE(log.loads.front().lacks().at(0).find("-lv 4"), std::string::npos);
}

TEST(EngineLog, RefusesWhatIsNoText) {
  for (const std::string& start :
       {std::string("GGUF\3\0\0\0", 8),
        std::string("\x7f"
                    "ELF\0\0",
                    6),
        std::string("\xff\xfel\0o\0g\0", 8), std::string("\x1f\x8b\b\0", 4)}) {
    try {
      static_cast<void>(read_engine_log(start + std::string(600, 'x')));
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

TEST(EngineLog, IsReadTheSameInPiecesOfAnySize) {
  const std::string text = coloured(llama_log(llama_8b_facts(), LogFormat::august_2026));
  for (const std::size_t piece : {1U, 7U, 64U, 511U, 512U, 513U, 4096U}) {
    EngineLogReader reader;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      reader.read(std::string_view(text).substr(at, piece));
    }
    const EngineLog log = reader.finish();
    ASSERT_EQ(log.loads.size(), 1U) << piece;
    expect_llama_8b(log.loads.front());
  }
}

TEST(EngineLog, SurvivesDamage) {
  const std::string text = llama_log(llama_8b_facts(), LogFormat::august_2026);
  // Cut anywhere: what was whole before is read as ever.
  for (std::size_t end = 0; end < text.size(); end += 97) {
    const EngineLog log = read_engine_log(text.substr(0, end));
    EXPECT_LE(log.loads.size(), 1U);
  }
  // Every byte once another: no crash, and never more than was there.
  std::string broken = text;
  for (std::size_t at = 600; at < text.size(); at += 53) {
    broken[at] = static_cast<char>(at * 31 % 256);
    EXPECT_LE(read_engine_log(broken).loads.size(), 3U);
  }
  // Numbers beyond any machine are no sizes.
  EXPECT_TRUE(
      read_engine_log("load_tensors: MTL0 model buffer size = 99999999999999999999.00 MiB\n")
          .loads.empty());
}

TEST(EngineLog, CutsLinesWithoutEnd) {
  EngineLogReader reader;
  const std::string much(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) reader.read(much);
  reader.read("\n" + llama_log(llama_8b_facts(), LogFormat::august_2026));
  const EngineLog log = reader.finish();
  EXPECT_EQ(log.cut_lines, 1);
  ASSERT_EQ(log.loads.size(), 1U);
  expect_llama_8b(log.loads.front());
}

TEST(EngineLog, ForgetsTheFirstOfVeryManyLoads) {
  const std::string text = llama_log(llama_8b_facts(), LogFormat::august_2026);
  EngineLogReader reader;
  for (int i = 0; i < 40; ++i) reader.read(text);
  const EngineLog log = reader.finish();
  EXPECT_EQ(log.loads.size(), 32U);
  EXPECT_EQ(log.forgotten, 8);
}

TEST(EngineLog, OfAHundredMegabytesNeedsNoMemoryAndLittleTime) {
  std::string service;
  for (int i = 0; i < 5000; ++i) {
    service += fmt::format(
        "slot update_slots: id  {} | task {} | new prompt, n_ctx_slot = 8192, n_keep = 0, "
        "n_prompt_tokens = {}\nsrv  log_server_r: request: POST /v1/chat/completions 127.0.0.1 "
        "200\n",
        i % 4, i, i * 7);
  }
  const std::int64_t before = peak_memory();
  const std::clock_t start = std::clock();
  EngineLogReader reader;
  reader.read(llama_log(llama_8b_facts(), LogFormat::august_2026));
  constexpr std::size_t hundred_megabytes = 100'000'000;
  for (std::size_t read = 0; read < hundred_megabytes; read += service.size()) reader.read(service);
  const EngineLog log = reader.finish();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_EQ(log.loads.size(), 1U);
  expect_llama_8b(log.loads.front());
  EXPECT_GT(log.lines, 900'000);
  if (costs_are_of_the_program) {
    EXPECT_LT(peak_memory() - before, std::int64_t{4} << 20);
#ifdef __OPTIMIZE__
    EXPECT_LT(seconds, 10) << "of the processor for 100 MB";
#endif
  }
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
}

TEST(EngineLog, IsTextOrNotHoweverItIsCut) {
  const std::string text = std::string(590, 'x') + '\0' + std::string(100, 'x') + "\n";
  EXPECT_EQ(read_engine_log(text).lines, 1);
  EngineLogReader pieces;
  for (std::size_t at = 0; at < text.size(); at += 100) {
    pieces.read(std::string_view(text).substr(at, 100));
  }
  EXPECT_EQ(pieces.finish().lines, 1);
}

}  // namespace
}  // namespace membudget::test::engine_log_test
