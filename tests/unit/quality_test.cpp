// SPDX-License-Identifier: MIT
#include "membudget/quality.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "profiles/decode.hpp"

namespace membudget::quality_test {
namespace {

using testing::HasSubstr;

constexpr std::int64_t billion = 1'000'000'000;

class QualityTest : public testing::Test {
 protected:
  Profiles profiles_ = Profiles::embedded();
  QualityTable table_ = profiles_.quality_table();
};

TEST_F(QualityTest, TheNearestSizeComesFirstAndOfEqualsTheNewest) {
  const auto small = published_quality(table_, "q4_k_m", 8 * billion);
  ASSERT_GE(small.size(), 6U);
  EXPECT_EQ(small[0].model, "LLaMA-3-8B");
  EXPECT_EQ(small[0].method, "plain");
  ASSERT_TRUE(small[0].perplexity_increase);
  EXPECT_NEAR(*small[0].perplexity_increase, 0.0282, 0.0001);
  EXPECT_NEAR(*small[0].mean_kld, 0.03127, 1e-9);
  EXPECT_NEAR(*small[0].same_top, 0.919, 1e-9);
  EXPECT_EQ(published_quality(table_, "Q4_K_M", 70 * billion)[0].model, "LLaMA-2-70B");
}

TEST_F(QualityTest, WhatNobodyMeasuredHasNoFigures) {
  EXPECT_TRUE(published_quality(table_, "MXFP4_MOE", 20 * billion).empty());
  const Model model = profiles_.model("gpt-oss-20b", "MXFP4_MOE");
  const Quality of = quality(model, Settings{}, table_);
  EXPECT_TRUE(of.weights.empty());
  EXPECT_THAT(of.note, HasSubstr("MXFP4_MOE"));
  EXPECT_TRUE(of.cache.empty());
}

TEST_F(QualityTest, SaysWhenTheNearestModelIsFarAway) {
  const Model near = profiles_.model("llama-3.1-8b", "Q4_K_M");
  EXPECT_EQ(quality(near, Settings{}, table_).note, "");
  const Model far = profiles_.model("qwen2.5-0.5b", "Q4_K_M");
  EXPECT_THAT(quality(far, Settings{}, table_).note, HasSubstr("times as large"));
}

TEST_F(QualityTest, CacheTypesHaveFiguresOfTheirOwn) {
  const auto q8 =
      published_cache_quality(table_, ElementType::q8_0, ElementType::q8_0, 20 * billion);
  ASSERT_GE(q8.size(), 3U);
  EXPECT_EQ(q8[0].model, "gpt-oss-20b");
  Settings settings;
  settings.cache_type_k = settings.cache_type_v = ElementType::q4_0;
  const Quality of = quality(profiles_.model("qwen3-8b", "Q8_0"), settings, table_);
  ASSERT_FALSE(of.cache.empty());
  EXPECT_EQ(of.cache[0].model, "Qwen3-8B-Base");
}

TEST_F(QualityTest, ClaimsOfTheDocumentsStandBesideWhatWasMeasured) {
  const auto claims = claims_of(table_, "Q4_K_M");
  ASSERT_EQ(claims.size(), 2U);
  EXPECT_THAT(claims[0].claim, HasSubstr("0.9 %"));
  EXPECT_THAT(claims[0].measured, HasSubstr("2.82 %"));
  EXPECT_THAT(claims[1].measured, HasSubstr("no published measure"));
}

TEST_F(QualityTest, MoreBitsLoseLessOnOneModel) {
  const auto loss = [&](const char* quantization) {
    for (const QualityFigure& each : table_.weights) {
      if (each.model == "LLaMA-3-8B" && each.quantization == quantization &&
          each.method == "plain") {
        return *each.perplexity_increase;
      }
    }
    return -1.0;
  };
  EXPECT_LT(loss("Q8_0"), loss("Q6_K"));
  EXPECT_LT(loss("Q6_K"), loss("Q5_K_M"));
  EXPECT_LT(loss("Q5_K_M"), loss("Q4_K_M"));
  EXPECT_LT(loss("Q4_K_M"), loss("Q3_K_M"));
  EXPECT_LT(loss("Q3_K_M"), loss("Q2_K"));
}

TEST_F(QualityTest, EveryFigureNamesAKnownQuantizationAndItsSource) {
  std::set<std::string> known;
  for (const std::string& name : profiles_.quantization_names()) {
    known.insert(name);
  }
  for (const QualityFigure& each : table_.weights) {
    EXPECT_TRUE(known.contains(each.quantization)) << each.quantization;
    EXPECT_THAT(each.source, HasSubstr("https://")) << each.model;
  }
  for (const CacheQualityFigure& each : table_.cache) {
    EXPECT_THAT(each.source, HasSubstr("https://")) << each.model;
  }
}

TEST(QualityProfile, RefusesAFigureWithoutAMeasure) {
  const std::string text = R"({"schema": "membudget.quality/1", "weights": [{"model": "m",
    "parameters": 1, "year": 2024, "text": "t", "source": "s",
    "figures": [{"quantization": "Q8_0", "method": "plain"}]}], "cache": [], "claims": []})";
  try {
    static_cast<void>(decode(decode_quality, "quality.json", text));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_profile);
    EXPECT_THAT(error.what(), HasSubstr("/weights/0/figures/0"));
  }
}

TEST(SpeedProfile, RefusesSharesAboveTheWhole) {
  const std::string text = R"({"schema": "membudget.speed/1", "gpu": {"families": [
    {"family": 7, "launch": 1, "k_quants_gbs": 1, "matmul": 1.5}], "two_dies": 1,
    "unknown_clock_ghz": 1, "source": "s"}})";
  try {
    static_cast<void>(decode(decode_speed, "speed.json", text));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_profile);
    EXPECT_EQ(error.where(), "speed.json#/gpu/families/0/matmul");
  }
}

}  // namespace
}  // namespace membudget::quality_test
