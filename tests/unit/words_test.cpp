// SPDX-License-Identifier: MIT
#include "membudget/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "membudget/membudget.h"
#include "membudget/membudget.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::words_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

/// Comfortable and not, each engine, slots of a cache each, a model beyond every limit.
std::vector<std::string> requests() {
  return {
      R"({"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb"})",
      R"({"model": "llama3.1:8b", "chip": "m1-16gb", "runtime": "ollama", "parallel": 2, "ctx-size": "8k"})",
      R"({"model": "qwen3:8b", "chip": "m4-pro-48gb", "runtime": "mlx", "ctx-size": "32k"})",
      R"({"model": "llama3.1:70b", "chip": "m1-16gb", "cache-type": "q8_0"})",
      R"({"model": "llama3.1:8b", "chip": "m1-max-32gb", "runtime": "coreml"})",
  };
}

PlanReport reported(const std::string& request) {
  return plan_report(plan_request(request), Profiles::embedded());
}

/// On lines of any length, so that no sentence is broken.
std::string printed(const PlanReport& report) {
  return to_text(report, {.explain = true, .width = 100000});
}

std::string from_c(membudget_status status, char* text) {
  EXPECT_EQ(status, MEMBUDGET_OK) << text;
  const std::string out = text == nullptr ? "" : text;
  membudget_string_free(text);
  return out;
}

TEST(Words, AreThoseThatTheProgramPrints) {
  for (const auto& request : requests()) {
    const auto report = reported(request);
    const auto text = printed(report);
    const auto words = json::parse(to_words_json(report));
    for (const auto* key :
         {"headline", "settings", "verdict_words", "verdict_detail", "sum_size", "total_size"}) {
      EXPECT_THAT(text, HasSubstr(words.at(key).get<std::string>())) << request << ": " << key;
    }
    for (const auto* key :
         {"limits", "formulas", "contexts", "speed", "speed_formulas", "advice", "steps"}) {
      for (const auto& row : words.at(key)) {
        EXPECT_THAT(text, HasSubstr(row.at("label").get<std::string>())) << request << ": " << key;
        EXPECT_THAT(text, HasSubstr(row.at("text").get<std::string>())) << request << ": " << key;
      }
    }
    for (const auto& part : words.at("parts")) {
      EXPECT_THAT(text, HasSubstr(part.at("note").get<std::string>())) << request;
    }
  }
}

TEST(Words, FollowTheirSchema) {
  for (const auto& request : requests()) {
    const auto report = reported(request);
    for (const auto& words : {to_words_json(report), to_verdict_json(report)}) {
      EXPECT_EQ(test::own_schema_faults(json::parse(words), PROFILES_DIR "/schema"), "") << request;
    }
  }
}

TEST(Words, AdviceIsTheFirstOfTheSteps) {
  for (const auto& request : requests()) {
    const auto words = json::parse(to_words_json(reported(request)));
    ASSERT_LE(words.at("advice").size(), words.at("steps").size());
    for (std::size_t i = 0; i < words.at("advice").size(); ++i) {
      EXPECT_EQ(words.at("advice")[i].at("label"), words.at("steps")[i].at("label")) << request;
      EXPECT_FALSE(words.at("steps")[i].at("changes").empty());
    }
  }
}

TEST(Words, OfTheVerdictAreAPartOfAll) {
  for (const auto& request : requests()) {
    const auto report = reported(request);
    const auto all = json::parse(to_words_json(report));
    const auto few = json::parse(to_verdict_json(report));
    for (const auto& [key, value] : few.items()) EXPECT_EQ(all.at(key), value) << key;
    EXPECT_GT(all.size(), few.size());
  }
}

TEST(Words, ComeThroughTheCInterfaceBesideThePlan) {
  membudget_planner* planner = nullptr;
  ASSERT_EQ(membudget_planner_create(&planner), MEMBUDGET_OK);
  for (const auto& request : requests()) {
    char* text = nullptr;
    auto status = membudget_page_json(planner, nullptr, request.c_str(), &text);
    const auto page = nlohmann::ordered_json::parse(from_c(status, text));
    const auto report = reported(request);
    EXPECT_EQ(page.at("plan").dump(2) + "\n", to_json(report));
    EXPECT_EQ(page.at("words").dump() + "\n", to_words_json(report));

    membudget_prepared* prepared = nullptr;
    ASSERT_EQ(membudget_prepare(planner, nullptr, request.c_str(), &prepared, nullptr),
              MEMBUDGET_OK);
    status = membudget_prepared_verdict_json(prepared, nullptr, &text);
    EXPECT_EQ(from_c(status, text), to_verdict_json(report)) << request;
    membudget_prepared_destroy(prepared);
  }
  char* text = nullptr;
  EXPECT_EQ(
      membudget_page_json(planner, nullptr, R"({"model": "qwen3:8b", "chip": "none"})", &text),
      MEMBUDGET_BAD_REQUEST);
  EXPECT_EQ(json::parse(text).at("error").at("where"), "/chip");
  membudget_string_free(text);
  EXPECT_EQ(membudget_page_json(planner, nullptr, nullptr, &text), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_page_json(planner, nullptr, "{}", nullptr), MEMBUDGET_BAD_ARGUMENT);
  EXPECT_EQ(membudget_prepared_verdict_json(nullptr, nullptr, &text), MEMBUDGET_BAD_ARGUMENT);
  membudget_planner_destroy(planner);
}

}  // namespace
}  // namespace membudget::words_test
