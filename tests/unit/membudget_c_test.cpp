// SPDX-License-Identifier: MIT
#include "unit/membudget_c.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "membudget/membudget.h"
#include "membudget/membudget.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "support/small_llama.hpp"
#include "test_paths.hpp"

namespace membudget::membudget_c_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Free {
  void operator()(char* text) const { membudget_string_free(text); }
  void operator()(membudget_planner* planner) const { membudget_planner_destroy(planner); }
  void operator()(membudget_model* model) const { membudget_model_destroy(model); }
  void operator()(membudget_prepared* prepared) const { membudget_prepared_destroy(prepared); }
};
using Text = std::unique_ptr<char, Free>;
using Planner = std::unique_ptr<membudget_planner, Free>;
using CModel = std::unique_ptr<membudget_model, Free>;
using Prepared = std::unique_ptr<membudget_prepared, Free>;

constexpr const char* coder = R"({"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb"})";

Planner planner() {
  membudget_planner* out = nullptr;
  EXPECT_EQ(membudget_planner_create(&out), MEMBUDGET_OK);
  return Planner(out);
}

/// What a call hands out beside its status.
struct Answer {
  membudget_status status = MEMBUDGET_INTERNAL;
  std::string text;
};

Answer plan_json(const membudget_planner* planner, const std::string& request,
                 const membudget_model* model = nullptr) {
  char* out = nullptr;
  const auto status = membudget_plan_json(planner, model, request.c_str(), &out);
  const Text owned(out);
  return {status, out == nullptr ? "" : out};
}

Prepared prepared(const membudget_planner* planner, const std::string& request) {
  membudget_prepared* out = nullptr;
  char* error = nullptr;
  EXPECT_EQ(membudget_prepare(planner, nullptr, request.c_str(), &out, &error), MEMBUDGET_OK)
      << error;
  EXPECT_EQ(error, nullptr);
  return Prepared(out);
}

/// A small model whose vocabulary makes a header of about `tokens` x 16 bytes.
test::GgufWriter wordy_llama(std::uint32_t tokens) {
  test::GgufWriter gguf = test::small_llama(tokens);
  gguf.set_array("tokenizer.ggml.tokens", std::vector<std::string>(tokens, "a token."));
  return gguf;
}

TEST(MembudgetC, CompilesAndPlansFromC) {
  std::int64_t total = 0;
  std::int64_t largest = 0;
  ASSERT_EQ(c_plans_from_c(&total, &largest), 1);
  const auto profiles = Profiles::embedded();
  const auto model = profiles.model("qwen2.5-coder:32b");
  const auto mac = machine(profiles.chip("m1-max-32gb"));
  Workload workload;
  workload.context = 8192;
  workload.cache_type_k = ElementType::q8_0;
  workload.cache_type_v = ElementType::q8_0;
  const auto runtime = profiles.runtime("llama.cpp");
  EXPECT_EQ(total, plan(model, mac, runtime, workload).footprint.total().count());
  EXPECT_EQ(largest, max_context(model, mac, runtime, workload));
}

TEST(MembudgetC, NullArgumentsAreStatuses) {
  const auto all = planner();
  char* text = nullptr;
  EXPECT_EQ(membudget_planner_create(nullptr), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_planner_add_profile(nullptr, "{}", 2, &text), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_planner_add_profile(all.get(), nullptr, 2, &text), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_planner_add_profile(all.get(), nullptr, 0, nullptr), MEMBUDGET_UNREADABLE);
  EXPECT_EQ(membudget_model_from_gguf(nullptr, 0, 0, nullptr, nullptr), MEMBUDGET_BAD_ARGUMENT);
  membudget_model* model = nullptr;
  EXPECT_EQ(membudget_model_from_gguf(nullptr, 9, 9, &model, nullptr), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_model_from_gguf(nullptr, 0, 0, &model, nullptr), MEMBUDGET_UNREADABLE);
  EXPECT_EQ(membudget_plan_json(nullptr, nullptr, coder, &text), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_plan_json(all.get(), nullptr, nullptr, &text), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_plan_json(all.get(), nullptr, coder, nullptr), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_list_json(all.get(), nullptr, &text), MEMBUDGET_BAD_ARGUMENT);
  membudget_prepared* plans = nullptr;
  EXPECT_EQ(membudget_prepare(nullptr, nullptr, coder, &plans, nullptr), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_prepare(all.get(), nullptr, nullptr, &plans, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_prepare(all.get(), nullptr, coder, nullptr, nullptr), MEMBUDGET_BAD_ARGUMENT);
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  EXPECT_EQ(membudget_prepared_figures(nullptr, nullptr, &figures, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
  const auto ready = prepared(all.get(), coder);
  EXPECT_EQ(membudget_prepared_figures(ready.get(), nullptr, nullptr, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_prepared_max_context(ready.get(), nullptr, nullptr, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_gguf_needs_bytes(nullptr, 0, 0, nullptr), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(text, nullptr);
  membudget_planner_destroy(nullptr);
  membudget_model_destroy(nullptr);
  membudget_prepared_destroy(nullptr);
  membudget_string_free(nullptr);
}

TEST(MembudgetC, FailuresAreStatusesWithTheirKey) {
  const auto all = planner();
  const auto expect = [&](const std::string& request, membudget_status status,
                          const std::string& where) {
    const auto answer = plan_json(all.get(), request);
    EXPECT_EQ(answer.status, status) << request;
    EXPECT_EQ(json::parse(answer.text)["error"]["where"], where) << answer.text;
    EXPECT_EQ(test::own_schema_faults(json::parse(answer.text), PROFILES_DIR "/schema"), "");
  };
  expect("{", MEMBUDGET_BAD_REQUEST, "");
  expect(R"({"model": "llama3.1:8b"})", MEMBUDGET_BAD_REQUEST, "/chip");
  expect(R"({"chip": "m1-16gb"})", MEMBUDGET_BAD_REQUEST, "/model");
  expect(R"({"model": "llama3.1:8b", "chip": "m1-16gb", "ctx-size": "x"})", MEMBUDGET_BAD_REQUEST,
         "/ctx-size");
  expect(R"({"model": "no-such-model-at-all", "chip": "m1-16gb"})", MEMBUDGET_UNREADABLE, "");
  expect(
      R"({"model": "llama3.1:8b", "chip": "m1-16gb", "cache-type-v": "q8_0", "flash-attn": "off"})",
      MEMBUDGET_BAD_REQUEST, "/cache-type-v");
}

TEST(MembudgetC, FiguresAreThoseOfTheJson) {
  const auto all = planner();
  for (
      const std::string& request : std::vector<std::string>{
          R"({"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": "8k"})",
          R"({"model": "llama3.1:8b", "chip": "m1-16gb", "runtime": "ollama", "parallel": 2, "ctx-size": 4096})",
          R"({"model": "llama3.1:8b", "chip": "m1-16gb", "ctx-size": "max"})",
          R"({"model": "qwen3-4b", "chip": "m4-16gb", "runtime": "mlx", "prompt-tokens": "4k"})",
          R"({"model": "qwen2.5-coder:32b", "chip": "m4-max-128gb", "draft": "qwen2.5-coder:0.5b"})"}) {
    const auto answer = plan_json(all.get(), request);
    ASSERT_EQ(answer.status, MEMBUDGET_OK) << answer.text;
    const auto expected = json::parse(answer.text);
    const auto ready = prepared(all.get(), request);
    membudget_figures figures = MEMBUDGET_FIGURES_INIT;
    ASSERT_EQ(membudget_prepared_figures(ready.get(), nullptr, &figures, nullptr), MEMBUDGET_OK);
    EXPECT_EQ(figures.context, expected["settings"]["context"]) << request;
    const auto& memory = expected["memory"];
    EXPECT_EQ(figures.weights_bytes, memory["weights_bytes"]);
    EXPECT_EQ(figures.kv_cache_bytes, memory["kv_cache_bytes"]);
    EXPECT_EQ(figures.recurrent_state_bytes, memory["recurrent_state_bytes"]);
    EXPECT_EQ(figures.compute_bytes, memory["compute_bytes"]);
    EXPECT_EQ(figures.output_bytes, memory["output_bytes"]);
    EXPECT_EQ(figures.overhead_bytes, memory["overhead_bytes"]);
    EXPECT_EQ(figures.gpu_bytes, memory["gpu_bytes"]);
    EXPECT_EQ(figures.host_bytes, memory["host_bytes"]);
    EXPECT_EQ(figures.total_bytes, memory["total_bytes"]);
    const auto& budget = expected["budget"];
    EXPECT_EQ(figures.gpu_limit_bytes, budget["gpu_limit_bytes"]);
    EXPECT_EQ(figures.ram_available_bytes, budget["ram_available_bytes"]);
    EXPECT_EQ(figures.headroom_bytes, budget["headroom_bytes"]);
    EXPECT_EQ(to_string(static_cast<Verdict>(figures.verdict)), expected["verdict"]);
    EXPECT_EQ(figures.binding == 0 ? "gpu" : "ram", budget["binding"]);
    std::int64_t tokens = 0;
    ASSERT_EQ(membudget_prepared_max_context(ready.get(), nullptr, &tokens, nullptr), MEMBUDGET_OK);
    EXPECT_EQ(tokens, expected["max_context"]["tokens"]) << request;
  }
}

TEST(MembudgetC, VariedSettingsAreThoseOfAnotherRequest) {
  const auto all = planner();
  for (const char* runtime : {"llama.cpp", "ollama"}) {
    const std::string start =
        R"({"model": "llama3.1:8b", "chip": "m1-16gb", "runtime": ")" + std::string(runtime) + "\"";
    const auto ready = prepared(all.get(), start + "}");
    membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
    settings.context = 16384;
    settings.parallel = 2;
    settings.cache_type_k = settings.cache_type_v = "Q8_0";
    membudget_figures figures = MEMBUDGET_FIGURES_INIT;
    ASSERT_EQ(membudget_prepared_figures(ready.get(), &settings, &figures, nullptr), MEMBUDGET_OK);
    const auto answer = plan_json(
        all.get(), start + R"(, "ctx-size": "16k", "parallel": 2, "cache-type": "q8_0"})");
    const auto expected = json::parse(answer.text);
    EXPECT_EQ(figures.total_bytes, expected["memory"]["total_bytes"]) << runtime;
    EXPECT_EQ(figures.context, expected["settings"]["context"]) << runtime;
  }
}

TEST(MembudgetC, SettingsOutOfRangeLeaveTheFiguresAlone) {
  const auto all = planner();
  const auto ready = prepared(all.get(), coder);
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  figures.total_bytes = 42;
  const auto refused = [&](const membudget_settings& settings) {
    char* error = nullptr;
    EXPECT_EQ(membudget_prepared_figures(ready.get(), &settings, &figures, &error),
              MEMBUDGET_BAD_REQUEST);
    const Text owned(error);
    EXPECT_EQ(figures.total_bytes, 42);
    return error == nullptr ? "" : json::parse(error)["error"]["where"].get<std::string>();
  };
  membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
  settings.context = -1;
  EXPECT_EQ(refused(settings), "/ctx-size");
  settings = MEMBUDGET_SETTINGS_INIT;
  settings.parallel = 257;
  EXPECT_EQ(refused(settings), "/parallel");
  settings = MEMBUDGET_SETTINGS_INIT;
  settings.cache_type_k = "q3_0";
  EXPECT_EQ(refused(settings), "/cache-type-k");
  settings = MEMBUDGET_SETTINGS_INIT;
  settings.size = 0;
  EXPECT_EQ(membudget_prepared_figures(ready.get(), &settings, &figures, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
  figures.size = 0;
  EXPECT_EQ(membudget_prepared_figures(ready.get(), nullptr, &figures, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
}

// What a program that was built with an earlier, shorter struct hands over.
TEST(MembudgetC, ShorterStructsAreFilledAsFarAsTheyGo) {
  const auto all = planner();
  const auto ready = prepared(all.get(), coder);
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  figures.size = offsetof(membudget_figures, compute_bytes);
  figures.compute_bytes = 42;
  membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
  settings.size = offsetof(membudget_settings, parallel);
  settings.context = 8192;
  settings.parallel = 1'000'000;
  ASSERT_EQ(membudget_prepared_figures(ready.get(), &settings, &figures, nullptr), MEMBUDGET_OK);
  EXPECT_EQ(figures.context, 8192);
  EXPECT_GT(figures.weights_bytes, 0);
  EXPECT_EQ(figures.compute_bytes, 42);
  EXPECT_EQ(figures.size, offsetof(membudget_figures, compute_bytes));
}

// What a program that was built with a later, longer struct hands over.
TEST(MembudgetC, ASettingOfALaterVersionIsNotIgnored) {
  struct {
    membudget_settings known = MEMBUDGET_SETTINGS_INIT;
    std::int64_t later = 0;
  } settings;
  settings.known.size = sizeof settings;
  struct {
    membudget_figures known = MEMBUDGET_FIGURES_INIT;
    std::int64_t later = 42;
  } figures;
  figures.known.size = sizeof figures;
  const auto all = planner();
  const auto ready = prepared(all.get(), coder);
  ASSERT_EQ(membudget_prepared_figures(ready.get(), &settings.known, &figures.known, nullptr),
            MEMBUDGET_OK);
  EXPECT_EQ(figures.known.size, sizeof figures.known) << "what was filled";
  EXPECT_EQ(figures.later, 42);
  settings.later = 1;
  EXPECT_EQ(membudget_prepared_figures(ready.get(), &settings.known, &figures.known, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
  settings.known.size = std::size_t{1} << 40;
  EXPECT_EQ(membudget_prepared_figures(ready.get(), &settings.known, &figures.known, nullptr),
            MEMBUDGET_BAD_ARGUMENT);
}

TEST(MembudgetC, TheLargestContextAsksForNoContext) {
  const auto all = planner();
  const auto ready = prepared(
      all.get(), R"({"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": "8k",)"
                 R"( "depth": "4k"})");
  membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
  for (const std::int64_t context : {0, -1, 1024, 32768}) {
    settings.context = context;
    std::int64_t tokens = 0;
    ASSERT_EQ(membudget_prepared_max_context(ready.get(), &settings, &tokens, nullptr),
              MEMBUDGET_OK);
    EXPECT_EQ(tokens, 25600);
  }
}

TEST(MembudgetC, ACutGgufSaysHowManyBytesItNeeds) {
  const auto gguf = wordy_llama(200'000);
  const std::string header = gguf.padded_header();
  const auto file_size = header.size() + static_cast<std::size_t>(gguf.data_size());
  std::size_t size = 24;
  int attempts = 0;
  membudget_model* model = nullptr;
  for (;; ++attempts) {
    ASSERT_LT(attempts, 6) << "asked for little again and again";
    char* error = nullptr;
    // A copy of just these bytes, so that a sanitizer sees any read beyond them.
    const std::vector<char> head(header.begin(),
                                 header.begin() + static_cast<std::ptrdiff_t>(size));
    const auto status =
        membudget_model_from_gguf(head.data(), head.size(), file_size, &model, &error);
    const Text owned(error);
    if (status == MEMBUDGET_OK) break;
    ASSERT_EQ(status, MEMBUDGET_NEEDS_BYTES) << error;
    EXPECT_EQ(model, nullptr);
    std::uint64_t needed = 0;
    ASSERT_EQ(membudget_gguf_needs_bytes(head.data(), head.size(), file_size, &needed),
              MEMBUDGET_OK);
    EXPECT_EQ(json::parse(error)["needs_bytes"], needed);
    EXPECT_EQ(test::own_schema_faults(json::parse(error), PROFILES_DIR "/schema"), "");
    ASSERT_GT(needed, size);
    ASSERT_LE(needed, file_size);
    size = std::min(static_cast<std::size_t>(needed), header.size());
  }
  const CModel owned(model);
  EXPECT_GE(attempts, 2);

  // The same as from a file.
  const test::ScratchFolder folder;
  const auto file = folder / "wordy.gguf";
  gguf.write(file);
  const auto all = planner();
  const auto answer =
      plan_json(all.get(), R"({"model": "some/place/wordy.gguf", "chip": "m1-16gb"})", model);
  EXPECT_EQ(answer.status, MEMBUDGET_OK) << answer.text;
  const PlanRequest request{.model = "some/place/wordy.gguf", .chip = "m1-16gb"};
  EXPECT_EQ(answer.text, to_json(plan_report(request, Profiles::embedded(), load_gguf(file))));
  // A name is not needed.
  EXPECT_EQ(plan_json(all.get(), R"({"chip": "m1-16gb"})", model).status, MEMBUDGET_OK);
}

TEST(MembudgetC, BytesThatNoFileCanHaveAreRefused) {
  const std::string header = wordy_llama(10).padded_header();
  membudget_model* model = nullptr;
  // The file ends within its own header.
  EXPECT_EQ(membudget_model_from_gguf(header.data(), 100, 100, &model, nullptr),
            MEMBUDGET_UNREADABLE);
  EXPECT_EQ(membudget_model_from_gguf(header.data(), 100, 99, &model, nullptr),
            MEMBUDGET_BAD_REQUEST);
  EXPECT_EQ(membudget_model_from_gguf(header.data(), 100, UINT64_MAX, &model, nullptr),
            MEMBUDGET_BAD_REQUEST);
  EXPECT_EQ(membudget_model_from_gguf("<html>", 6, 6, &model, nullptr), MEMBUDGET_UNREADABLE);
  std::uint64_t needed = 7;
  EXPECT_EQ(membudget_gguf_needs_bytes("<html>", 6, 6, &needed), MEMBUDGET_OK);
  EXPECT_EQ(needed, 0U);
}

TEST(MembudgetC, APartOfAModelSaysSo) {
  auto gguf = wordy_llama(10);
  gguf.set("split.count", std::uint16_t{3}).set("split.no", std::uint16_t{0});
  const std::string header = gguf.padded_header();
  membudget_model* model = nullptr;
  char* error = nullptr;
  EXPECT_EQ(membudget_model_from_gguf(header.data(), header.size(),
                                      header.size() + static_cast<std::size_t>(gguf.data_size()),
                                      &model, &error),
            MEMBUDGET_UNREADABLE);
  const Text owned(error);
  EXPECT_THAT(error, HasSubstr("one of 3 parts"));
}

TEST(MembudgetC, ProfilesOfTheCallersAreUsed) {
  const auto all = planner();
  std::string chip(Profiles::embedded().document(ProfileKind::chip, "m1-max-32gb"));
  chip.replace(chip.find("m1-max-32gb"), std::string("m1-max-32gb").size(), "mine");
  char* error = nullptr;
  ASSERT_EQ(membudget_planner_add_profile(all.get(), chip.data(), chip.size(), &error),
            MEMBUDGET_OK);
  EXPECT_EQ(error, nullptr);
  const std::string request = R"({"model": "llama3.1:8b", "chip": "mine"})";
  EXPECT_EQ(plan_json(all.get(), request).status, MEMBUDGET_OK);
  EXPECT_EQ(membudget_planner_add_profile(all.get(), chip.data(), 100, &error),
            MEMBUDGET_UNREADABLE);
  const Text owned(error);
  EXPECT_THAT(json::parse(error)["error"]["where"].get<std::string>(), HasSubstr("profile"));
  EXPECT_EQ(plan_json(all.get(), request).status, MEMBUDGET_OK);
  EXPECT_EQ(plan_json(planner().get(), request).status, MEMBUDGET_BAD_REQUEST);
}

TEST(MembudgetC, ThreadsThatShareHandlesGetEqualBytes) {
  const auto all = planner();
  const auto ready = prepared(all.get(), coder);
  const std::array<std::string, 3> requests{
      R"({"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": "8k"})",
      R"({"model": "gemma3:12b", "chip": "m1-16gb", "runtime": "ollama"})",
      R"({"model": "llama3.1:8b", "chip": "nothing"})"};
  constexpr std::size_t count = 8;
  std::array<std::string, count> answers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      for (const auto& request : requests) answers[i] += plan_json(all.get(), request).text;
      for (std::int64_t context = 1024; context <= 16384; context += 1024) {
        membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
        settings.context = context;
        membudget_figures figures = MEMBUDGET_FIGURES_INIT;
        static_cast<void>(membudget_prepared_figures(ready.get(), &settings, &figures, nullptr));
        answers[i] += std::to_string(figures.total_bytes) + '\n';
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(answers.front().size(), 1000U);
  for (const auto& answer : answers) EXPECT_EQ(answer, answers.front());
}

TEST(MembudgetC, SaysItsVersion) {
  EXPECT_THAT(membudget_version(), HasSubstr("."));
}

}  // namespace
}  // namespace membudget::membudget_c_test
