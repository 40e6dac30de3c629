// SPDX-License-Identifier: MIT
// Logs of people's own engines, written again as a whole from the figures that were kept of them
// (data/engine_logs.jsonl, made by compact_engine_logs.py), and read: every figure must come back.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "membudget/engine_log.hpp"
#include "support/engine_log_text.hpp"
#include "test_paths.hpp"

namespace membudget::test::engine_logs_test {
namespace {

using Json = nlohmann::json;

std::vector<Json> records() {
  std::ifstream in(std::string(TEST_DATA_DIR) + "/measured/data/engine_logs.jsonl");
  if (!in) throw std::runtime_error("cannot read engine_logs.jsonl");
  std::vector<Json> out;
  for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
  return out;
}

std::int64_t number(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

/// "b8164 (b68d75165)": 8164; of a fork's "build 159 (7d1bd95)": 159; 0 when there is none.
std::int64_t build_of(const Json& record) {
  const std::string version = record["version"].is_string() ? record["version"] : Json("");
  const auto digit = version.find_first_of("0123456789");
  if (version.starts_with('b') && digit != std::string::npos) {
    return std::stoll(version.substr(digit));
  }
  return 0;
}

/// The format of the record's time; the month where it has no build.
LogFormat format_of(const Json& record) {
  const std::int64_t build = build_of(record);
  constexpr std::int64_t first_numbered = 1000;
  if (build > first_numbered) return format_of_build(build);
  const std::string date = record["date"].is_string() ? record["date"] : Json("2026-09");
  if (date < "2024-01") return LogFormat::november_2023;
  if (date < "2025-01") return LogFormat::april_2024;
  if (date < "2025-08") return LogFormat::january_2025;
  if (date < "2026-02") return LogFormat::october_2025;
  return date < "2026-08" ? LogFormat::february_2026 : LogFormat::august_2026;
}

using Buffers = std::vector<std::pair<std::string, std::string>>;

Buffers buffers(const Json& record, const char* key, const std::string& only, bool with) {
  Buffers out;
  const Json sizes = record.value(key, Json::object());
  for (const auto& [name, size] : sizes.items()) {
    if (name.starts_with(only) != with) continue;
    const auto blank = name.rfind(' ');
    out.emplace_back(blank == std::string::npos ? name : name.substr(blank + 1),
                     size.get<std::string>());
  }
  return out;
}

LogFacts facts_of(const Json& record) {
  LogFacts out;
  out.build = build_of(record);
  out.gpu = record.value("chip", "Apple M2 Ultra");
  out.working_set = record.value("working_set_mb", "");
  out.path = "/models/model.gguf";
  out.name = record.value("model", "");
  out.architecture = record.value("arch", "");
  out.file_type = record.value("quant", "");
  out.layers = number(record, "n_layer");
  out.heads = number(record, "n_head");
  out.kv_heads = number(record, "n_head_kv");
  out.trained_context = number(record, "n_ctx_train");
  out.context = number(record, "n_ctx");
  out.batch = number(record, "n_batch");
  out.ubatch = number(record, "n_ubatch");
  out.parallel = number(record, "n_seq_max");
  out.unified = record.value("kv_unified", false);
  out.rollback = number(record, "n_rs_seq");
  out.cache_type_k = record.value("kv_type_k", "f16");
  out.cache_type_v = record.value("kv_type_v", "f16");
  const std::string offloaded = record.value("layers_offloaded", "");
  if (!offloaded.empty()) {
    out.offloaded = std::stoll(offloaded);
    out.layers = std::stoll(offloaded.substr(offloaded.find('/') + 1)) - 1;
  }
  out.weights = buffers(record, "weights", "none", false);
  out.caches = buffers(record, "kv", "recurrent ", false);
  out.states = buffers(record, "kv", "recurrent ", true);
  out.compute = buffers(record, "compute", "none", false);
  out.output = record.value("output", "");
  for (const Json& row : record.value("breakdown", Json::array())) {
    out.breakdown.emplace_back(row.at("device"), row.at("numbers"));
  }
  if (record.contains("fit")) {
    out.fit_projected = fmt::format("{}", record["fit"][0].get<std::int64_t>());
    out.fit_free = fmt::format("{}", record["fit"][1].get<std::int64_t>());
  }
  return out;
}

bool is_llama(const Json& record) {
  for (const char* key : {"weights", "kv", "compute", "output", "breakdown"}) {
    if (record.contains(key)) return true;
  }
  return false;
}

/// Of a kind, all devices of one name together, as a log of both caches has it.
void expect_buffers(const EngineLoad& load, BufferKind kind, const Buffers& expected) {
  std::map<std::string, std::vector<double>> sizes;
  for (const auto& [device, size] : expected) sizes[device].push_back(std::stod(size));
  for (const auto& entry : sizes) {
    const std::string& device = entry.first;
    const std::vector<double>& each = entry.second;
    // Of buffers that are made again the last holds.
    const bool last = kind == BufferKind::compute || kind == BufferKind::output;
    double mib = 0;
    for (const double size : each) mib = last ? size : mib + size;
    const auto found = std::find_if(load.buffers.begin(), load.buffers.end(), [&](const auto& b) {
      return b.kind == kind && b.device == device;
    });
    ASSERT_NE(found, load.buffers.end()) << to_string(kind) << " of " << device;
    EXPECT_TRUE(found->size.holds(Bytes{static_cast<std::int64_t>(mib * 1048576)}))
        << to_string(kind) << " of " << device << ": " << found->size.text << " is not " << mib;
  }
}

void expect_facts(const EngineLoad& load, const LogFacts& facts, LogFormat format) {
  expect_buffers(load, BufferKind::model, facts.weights);
  expect_buffers(load, BufferKind::kv_cache, facts.caches);
  expect_buffers(load, BufferKind::recurrent_state, facts.states);
  expect_buffers(load, BufferKind::compute, facts.compute);
  if (!facts.output.empty()) expect_buffers(load, BufferKind::output, {{"CPU", facts.output}});
  const auto expect_number = [](std::optional<std::int64_t> value, std::int64_t expected) {
    if (expected != 0) {
      EXPECT_EQ(value, expected);
    }
  };
  expect_number(load.settings.context, facts.context);
  if (format >= LogFormat::april_2024) {
    expect_number(load.settings.batch, facts.batch);
    expect_number(load.settings.ubatch, facts.ubatch);
  }
  if (format >= LogFormat::january_2025) expect_number(load.settings.parallel, facts.parallel);
  expect_number(load.settings.gpu_layers, facts.offloaded);
  expect_number(load.model.layers, facts.layers);
  expect_number(load.model.heads, facts.heads);
  expect_number(load.model.kv_heads, facts.kv_heads);
  expect_number(load.model.trained_context, facts.trained_context);
  const auto expect_text = [](const std::string& value, const std::string& expected) {
    if (!expected.empty()) {
      EXPECT_EQ(value, expected);
    }
  };
  expect_text(load.model.architecture, facts.architecture);
  expect_text(load.model.file_type, facts.file_type);
  expect_text(load.model.name, facts.name);
  if (!facts.caches.empty()) {
    EXPECT_EQ(load.settings.cache_type_k, facts.cache_type_k);
    EXPECT_EQ(load.settings.cache_type_v, facts.cache_type_v);
  }
  if (!facts.working_set.empty()) {
    EXPECT_EQ(load.machine.gpu, facts.gpu);
    ASSERT_TRUE(load.machine.working_set.has_value());
    EXPECT_EQ(load.machine.working_set->text, facts.working_set + " MB");
  }
  ASSERT_EQ(load.breakdown.size(), facts.breakdown.size());
  for (std::size_t row = 0; row < facts.breakdown.size(); ++row) {
    const auto& [device, numbers] = facts.breakdown[row];
    constexpr std::size_t of_host = 4;
    const std::size_t first = numbers.size() == of_host ? 1 : 3;
    EXPECT_EQ(load.breakdown[row].device, device);
    EXPECT_EQ(load.breakdown[row].model.low, mib(std::stoll(numbers[first])));
    EXPECT_EQ(load.breakdown[row].context.low, mib(std::stoll(numbers[first + 1])));
    EXPECT_EQ(load.breakdown[row].compute.low, mib(std::stoll(numbers[first + 2])));
  }
  if (!facts.fit_projected.empty()) {
    ASSERT_TRUE(load.fit.has_value());
    EXPECT_EQ(load.fit->projected.low, mib(std::stoll(facts.fit_projected)));
  }
}

TEST(EngineLogRecords, OfLlamaCppComeBackWhole) {
  int count = 0;
  for (const Json& record : records()) {
    if (!is_llama(record)) continue;
    SCOPED_TRACE(record.dump());
    const LogFacts facts = facts_of(record);
    const LogFormat format = format_of(record);
    for (const bool server : {false, true}) {
      const std::string plain = llama_log(facts, format, server);
      for (const std::string& text :
           {plain, coloured(plain), prefixed(plain, "Mar  3 10:11:12 mac llama-server[7]: ")}) {
        const EngineLog log = read_engine_log(text);
        ASSERT_EQ(log.loads.size(), 1U);
        expect_facts(log.loads.front(), facts, format);
        ++count;
      }
    }
  }
  EXPECT_GT(count, 200);
}

TEST(EngineLogRecords, OfMlxComeBackWhole) {
  int count = 0;
  for (const Json& record : records()) {
    if (!record.contains("peak_gb")) continue;
    SCOPED_TRACE(record.dump());
    const std::string peak = record["peak_gb"];
    const std::int64_t prompt = std::max<std::int64_t>(number(record, "prompt_tokens"), 1);
    const EngineLog log = read_engine_log(
        fmt::format("mlx_lm.generate --model {} --max-tokens 128\n==========\nText.\n==========\n"
                    "Prompt: {} tokens, {:.3f} tokens-per-sec\n"
                    "Generation: 128 tokens, {:.3f} tokens-per-sec\nPeak memory: {} GB\n",
                    "org/model-4bit", prompt, record.value("tokens_per_s_prompt", 1.0),
                    record.value("tokens_per_s_gen", 1.0), peak));
    ASSERT_EQ(log.loads.size(), 1U);
    ASSERT_TRUE(log.loads[0].generation && log.loads[0].generation->peak);
    EXPECT_EQ(log.loads[0].generation->peak->text, peak + " GB");
    EXPECT_EQ(log.loads[0].generation->prompt_tokens, prompt);
    ++count;
  }
  EXPECT_GT(count, 20);
}

TEST(EngineLogRecords, OfOllamasEstimatesComeBackWhole) {
  int count = 0;
  for (const Json& record : records()) {
    if (!record.contains("estimate")) continue;
    SCOPED_TRACE(record.dump());
    const Json& estimate = record["estimate"];
    if (estimate.contains("ollama_ps_gb")) {
      const EngineLog log = read_engine_log(
          fmt::format("NAME    ID    SIZE    PROCESSOR    CONTEXT    UNTIL\n"
                      "m:7b    0123456789ab    {} GB    100% GPU    4096    Forever\n",
                      estimate["ollama_ps_gb"].get<int>()));
      ASSERT_EQ(log.loads.size(), 1U);
      EXPECT_TRUE(log.loads[0].process->size.holds(
          Bytes{estimate["ollama_ps_gb"].get<std::int64_t>() * 1'000'000'000}));
      ++count;
      continue;
    }
    if (!estimate.contains("required_full_gib")) continue;
    const auto gib_text = [&](const char* key) {
      return estimate.contains(key) ? fmt::format("{:.1f} GiB", estimate[key].get<double>())
                                    : "0 B";
    };
    const EngineLog log = read_engine_log(fmt::format(
        "time=2025-01-12T10:00:03.000+01:00 level=INFO source=memory.go:356 msg=\"offload to "
        "metal\" "
        "layers.requested=-1 layers.model=33 layers.offload=33 layers.split=\"\" "
        "memory.required.full=\"{}\" memory.required.partial=\"{}\" memory.required.kv=\"{}\" "
        "memory.weights.total=\"{}\" memory.graph.full=\"{:.1f} MiB\"\n",
        gib_text("required_full_gib"), gib_text("partial_gib"), gib_text("kv_gib"),
        gib_text("weights_total_gib"), estimate.value("graph_full_mib", 0.0)));
    ASSERT_EQ(log.loads.size(), 1U);
    ASSERT_TRUE(log.loads[0].estimate.has_value());
    EXPECT_EQ(log.loads[0].estimate->required->text, gib_text("required_full_gib"));
    EXPECT_EQ(log.loads[0].estimate->weights->text, gib_text("weights_total_gib"));
    ++count;
  }
  EXPECT_GT(count, 4);
}

}  // namespace
}  // namespace membudget::test::engine_logs_test
