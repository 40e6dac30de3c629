// SPDX-License-Identifier: MIT
#include "membudget/runtimes_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/profiles.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::runtimes_report_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RuntimesReportTest : public ::testing::Test {
 protected:
  RuntimesReportTest() {
    report_.model = "llama-3.1-8b";
    report_.architecture = "llama";
    report_.trained_context = 131072;
    report_.machine = machine(profiles_.chip("m4-max-128gb"));
    for (const char* id : {"coreml", "llama.cpp", "candle", "mlc"}) {
      report_.plans.push_back(planned(id));
    }
    report_.refusals.push_back({profiles_.runtime("mlc-server"), "does not run it: \x1b[31mno"});
    sort(report_);
  }

  [[nodiscard]] RuntimePlan planned(const char* id) const {
    RuntimePlan out;
    out.runtime = profiles_.runtime(id);
    out.quantization = profiles_.nearest_quantization("Q4_K_M", out.runtime.engine);
    const Model model = profiles_.model("llama-3.1-8b", out.quantization);
    out.plan = plan(model, report_.machine, out.runtime, {});
    out.max_context = max_context(model, report_.machine, out.runtime, {});
    return out;
  }

  Profiles profiles_ = Profiles::embedded();
  RuntimesReport report_;
};

TEST_F(RuntimesReportTest, EachRuntimeGetsWeightsItReads) {
  std::vector<std::string> out;
  for (const RuntimePlan& row : report_.plans)
    out.push_back(row.runtime.id + " " + row.quantization);
  EXPECT_THAT(out, ::testing::UnorderedElementsAre("llama.cpp Q4_K_M", "candle Q4_K_M",
                                                   "mlc q4f16_1", "coreml coreml-int4"));
}

TEST(NearestQuantization, KeepsTheBits) {
  const Profiles profiles = Profiles::embedded();
  EXPECT_EQ(profiles.nearest_quantization("Q4_K_M", Engine::mlx), "4bit");
  EXPECT_EQ(profiles.nearest_quantization("Q8_0", Engine::mlx), "8bit");
  EXPECT_EQ(profiles.nearest_quantization("F16", Engine::mlc), "q0f16");
  EXPECT_EQ(profiles.nearest_quantization("Q3_K_M", Engine::mlc), "q3f16_1");
  EXPECT_EQ(profiles.nearest_quantization("q4_k", Engine::candle), "Q4_K_M");
  EXPECT_EQ(profiles.nearest_quantization("q4f16_1", Engine::mlc), "q4f16_1");
}

TEST_F(RuntimesReportTest, ComfortableComesFirstThenTheSmallest) {
  EXPECT_TRUE(std::is_sorted(report_.plans.begin(), report_.plans.end(),
                             [](const RuntimePlan& a, const RuntimePlan& b) {
                               return std::tuple(a.plan.verdict, a.plan.footprint.total()) <
                                      std::tuple(b.plan.verdict, b.plan.footprint.total());
                             }));
  EXPECT_EQ(report_.plans.front().runtime.id, "llama.cpp");
}

TEST_F(RuntimesReportTest, SaysWhatSurprises) {
  for (const RuntimePlan& row : report_.plans) {
    const std::string text = surprise(row, report_.trained_context);
    EXPECT_NE(text, "") << row.runtime.id;
    EXPECT_THAT(text, Not(::testing::EndsWith("."))) << row.runtime.id;
  }
  EXPECT_EQ(surprise(report_.plans.front(), 131072),
            "reserves the whole 131072-token context up front");
}

TEST_F(RuntimesReportTest, AContextBeyondTheTrainingSurprisesMost) {
  RuntimePlan row = report_.plans.front();
  ASSERT_EQ(row.plan.footprint.settings.context, 131072);
  EXPECT_EQ(surprise(row, 65536), "131072 tokens are more than the 65536 it was trained for");
  row.plan.footprint.remarks = {"Something else."};
  EXPECT_EQ(surprise(row, 65536), "131072 tokens are more than the 65536 it was trained for");
  EXPECT_EQ(surprise(row, 131072), "Something else");
  EXPECT_EQ(surprise(row, 0), "Something else") << "nobody knows what it was trained for";
  // Slots with caches of their own have so many tokens each.
  row.plan.footprint.remarks.clear();
  row.plan.footprint.settings.parallel = 2;
  row.plan.footprint.settings.kv_unified = false;
  EXPECT_EQ(surprise(row, 65536), "reserves the whole 131072-token context up front");
}

TEST_F(RuntimesReportTest, NamesARuntimeThatRefusesOnce) {
  report_.refusals = {{profiles_.runtime("candle"), "candle does not run it"},
                      {profiles_.runtime("coreml"), "2 tokens are too few"}};
  for (const auto& text : {to_text(report_, TextStyle{}), to_markdown(report_)}) {
    EXPECT_THAT(text, HasSubstr(" candle: does not run it\n"));
    EXPECT_THAT(text, HasSubstr(" coreml: 2 tokens are too few\n"));
  }
}

TEST_F(RuntimesReportTest, FitsEightyAndAHundredColumns) {
  for (const int width : {80, 100}) {
    TextStyle style;
    style.unicode = false;
    style.width = width;
    std::istringstream text(to_text(report_, style));
    int longest = 0;
    for (std::string line; std::getline(text, line);) {
      longest = std::max(longest, static_cast<int>(line.size()));
    }
    EXPECT_LE(longest, width);
    // The wider one shows more.
    EXPECT_GT(longest, width - 25);
  }
}

TEST_F(RuntimesReportTest, TextNamesEveryRuntimeAndPrintsNoControlCharacters) {
  const std::string text = to_text(report_, TextStyle{});
  for (const char* id : {"llama.cpp", "candle", "mlc", "coreml", "mlc-server: does not run it"}) {
    EXPECT_THAT(text, HasSubstr(id));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST_F(RuntimesReportTest, JsonFollowsItsSchema) {
  const auto json = nlohmann::json::parse(to_json(report_));
  EXPECT_EQ(test::schema_faults(
                json, std::filesystem::path(PROFILES_DIR) / "schema/runtimes.schema.json"),
            "");
  EXPECT_THAT(json.at("runtimes"), SizeIs(4));
  EXPECT_EQ(json.at("refused").at(0).at("runtime").at("id"), "mlc-server");
  for (const auto& row : json.at("runtimes")) {
    EXPECT_EQ(row.at("gpu_bytes").get<std::int64_t>() + row.at("host_bytes").get<std::int64_t>(),
              row.at("total_bytes").get<std::int64_t>());
  }
}

TEST_F(RuntimesReportTest, MarkdownHasARowForEachAndAListOfTheOthers) {
  const std::string text = to_markdown(report_);
  std::istringstream in(text);
  int rows = 0;
  for (std::string line; std::getline(in, line);) rows += line.starts_with("| ") ? 1 : 0;
  EXPECT_EQ(rows, 5);  // With the header.
  EXPECT_THAT(text, HasSubstr("\n- mlc-server: "));
}

}  // namespace
}  // namespace membudget::runtimes_report_test
