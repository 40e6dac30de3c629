// SPDX-License-Identifier: MIT
#include "membudget/rank.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "profiles/decode.hpp"
#include "support/embedded.hpp"

namespace membudget::rank_test {
namespace {

using ::testing::HasSubstr;

const CapabilityRules& rules() {
  static const CapabilityRules out = profiles().capability_rules();
  return out;
}

Ranking ranked(const char* chip, RankRequest request) {
  static const std::vector<CatalogEntry> catalog = profiles().catalog();
  const Runtime runtime = profiles().runtime("llama.cpp");
  return rank(
      catalog,
      [](const CatalogEntry& entry, const std::string& quantization) {
        return profiles().model(entry.id, quantization);
      },
      machine(profiles().chip(chip)), runtime, profiles().speed_rules(runtime), rules(),
      profiles().quality_table(), request);
}

RankRequest coding() {
  RankRequest out;
  out.task = "coding";
  return out;
}

CatalogEntry dense(std::int64_t parameters) {
  CatalogEntry out;
  out.id = "none";
  out.family = "qwen2.5";
  out.modality = "text";
  out.parameters = out.active_parameters = parameters;
  return out;
}

TEST(Worth, OfADenseModelIsItsSizeTimesItsGeneration) {
  const Worth worth = worth_of(dense(8'000'000'000), "chat", rules());
  EXPECT_NEAR(worth.size, 8e9, 1);
  // Of September 2024, 16 months before the reference: two halvings.
  EXPECT_NEAR(worth.parameters, 2e9, 1e3);
}

TEST(Worth, OfAMixtureLiesBetweenItsActiveAndItsTotalParameters) {
  CatalogEntry mixture = dense(30'000'000'000);
  mixture.active_parameters = 3'000'000'000;
  const double size = worth_of(mixture, "chat", rules()).size;
  EXPECT_GT(size, 3e9);
  EXPECT_LT(size, 30e9);
}

TEST(Worth, CountsTraitsForTheirTaskOnly) {
  CatalogEntry coder = dense(8'000'000'000);
  coder.family = "qwen2.5-coder";
  EXPECT_GT(worth_of(coder, "coding", rules()).training, 1);
  EXPECT_LT(worth_of(coder, "writing", rules()).training, 1);
  coder.family = "starcoder2";
  EXPECT_EQ(worth_of(coder, "coding", rules()).parameters, 0) << "it only completes text";
}

TEST(Worth, OfAnUnknownFamilyIsThatOfTheOldest) {
  CatalogEntry unknown = dense(8'000'000'000);
  unknown.family = "nobody's";
  const Worth worth = worth_of(unknown, "chat", rules());
  EXPECT_LT(worth.age, worth_of(dense(8'000'000'000), "chat", rules()).age);
  EXPECT_THAT(worth.reasons.front(), HasSubstr("nobody's"));
}

TEST(Rank, HoldsOnlyWhatFitsIsFastEnoughAndWasTrainedForTheContext) {
  RankRequest request = coding();
  request.workload.context = 32768;
  request.min_tps = 15;
  const Ranking ranking = ranked("m1-max-32gb", request);
  ASSERT_FALSE(ranking.models.empty());
  for (const RankedModel& each : ranking.models) {
    EXPECT_TRUE(fits(each.plan.verdict)) << each.entry.id;
    EXPECT_EQ(each.plan.footprint.settings.context, 32768) << each.entry.id;
    EXPECT_GE(each.entry.trained_context, 32768) << each.entry.id;
    EXPECT_GE(each.speed->generation.tps, 15) << each.entry.id;
  }
}

TEST(Rank, OrdersByTheProductOfTheFactorsItShows) {
  const Ranking ranking = ranked("m4-max-36gb", coding());
  ASSERT_GE(ranking.models.size(), 2U);
  for (std::size_t i = 0; i < ranking.models.size(); ++i) {
    const RankFactors& factors = ranking.models[i].factors;
    EXPECT_LE(factors.quality, 1);
    EXPECT_LE(factors.speed, 1);
    EXPECT_LE(factors.room, 1);
    EXPECT_DOUBLE_EQ(factors.score(),
                     factors.capability * factors.quality * factors.speed * factors.room);
    if (i > 0) {
      EXPECT_LE(factors.score(), ranking.models[i - 1].factors.score());
    }
  }
}

TEST(Rank, FindsTheSameWithoutSkippingAnything) {
  // With room for every model none is left unplanned.
  RankRequest all = coding();
  all.count = 1000;
  const Ranking few = ranked("m1-16gb", coding());
  const Ranking every = ranked("m1-16gb", all);
  EXPECT_EQ(every.left_out.not_planned, 0U);
  ASSERT_GE(every.models.size(), few.models.size());
  for (std::size_t i = 0; i < few.models.size(); ++i) {
    EXPECT_EQ(few.models[i].entry.id, every.models[i].entry.id);
    EXPECT_EQ(few.models[i].quantization, every.models[i].quantization);
  }
}

TEST(Rank, DoesNotDependOnThreads) {
  RankRequest one = coding();
  one.threads = 1;
  RankRequest many = coding();
  many.threads = 7;
  const Ranking a = ranked("m1-max-32gb", one);
  const Ranking b = ranked("m1-max-32gb", many);
  ASSERT_EQ(a.models.size(), b.models.size());
  for (std::size_t i = 0; i < a.models.size(); ++i) {
    EXPECT_EQ(a.models[i].entry.id, b.models[i].entry.id);
    EXPECT_DOUBLE_EQ(a.models[i].factors.score(), b.models[i].factors.score());
  }
}

TEST(Rank, StaysAtFourBitsAndMoreWhileAnythingFits) {
  for (const RankedModel& each : ranked("m1-16gb", coding()).models) {
    EXPECT_TRUE(each.quantization == "Q5_K_M" || each.quantization == "Q4_K_M" ||
                each.quantization == "MXFP4_MOE")
        << each.entry.id << " " << each.quantization;
  }
}

TEST(Rank, EmbedsWithModelsThatWereMadeForIt) {
  RankRequest request;
  request.task = "embedding";
  const Ranking ranking = ranked("m1-16gb", request);
  ASSERT_FALSE(ranking.models.empty());
  for (const RankedModel& each : ranking.models) {
    EXPECT_EQ(each.entry.modality, "embedding") << each.entry.id;
  }
}

TEST(Rank, RefusesATaskNobodyDescribed) {
  RankRequest request;
  request.task = "cooking";
  try {
    static_cast<void>(ranked("m1-16gb", request));
    FAIL() << "ranked for cooking";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::bad_request);
    EXPECT_THAT(error.what(), HasSubstr("coding"));
  }
}

TEST(Rank, OfTheWholeCatalogIsNotSlow) {
  // Machines that run tests are busy: the promise of 300 ms is the benchmark's to keep.
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(profiles().catalog());
  static_cast<void>(ranked("m4-max-128gb", coding()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Selector, AsksForWhatItsWordsMean) {
  const RankRequest request = selected({}, rules(), "simple", "maximum", "high");
  EXPECT_GT(request.enough_parameters, 0);
  EXPECT_EQ(request.quantizations.front(), "Q8_0");
  EXPECT_EQ(request.min_tps, 20);
  RankRequest numbers;
  numbers.min_tps = 3;
  EXPECT_EQ(selected(numbers, rules(), "", "", "high").min_tps, 3) << "a number stands first";
  EXPECT_THROW(static_cast<void>(selected({}, rules(), "odd", "", "")), Error);
}

TEST(Selector, KnowsWhatTheDocumentsChoose) {
  const auto choice = [](const char* complexity, const char* quality, const char* performance) {
    return documents_choice(rules(), complexity, quality, performance)->model;
  };
  EXPECT_EQ(choice("simple", "good", "high"), "phi3:mini");
  EXPECT_EQ(choice("medium", "high", "high"), "deepseek-coder:6.7b");
  EXPECT_EQ(choice("complex", "maximum", "medium"), "mixtral:8x7b");
  EXPECT_EQ(choice("complex", "good", "high"), "deepseek-coder:6.7b");
  for (const SelectorChoice& each : rules().choices) {
    EXPECT_NO_THROW(static_cast<void>(profiles().model(each.model))) << each.model;
  }
}

TEST(Selector, FallsBackToHalfTheMemory) {
  const Ranking ranking = ranked("m1-max-32gb", coding());
  const RankedModel* fallback = fallback_of(ranking);
  ASSERT_NE(fallback, nullptr);
  EXPECT_LE(2 * fallback->plan.footprint.total(), ranking.models.front().plan.footprint.total());
}

TEST(CapabilityTable, DescribesEveryFamilyOfTheCatalogAndNothingElse) {
  const auto catalog = profiles().catalog();
  for (const CatalogEntry& each : catalog) {
    EXPECT_NE(rules().family(each.family), nullptr) << each.id << ": " << each.family;
  }
  for (const FamilyCapability& each : rules().models) {
    EXPECT_TRUE(std::any_of(catalog.begin(), catalog.end(), [&](const CatalogEntry& entry) {
      return entry.id == each.name;
    })) << each.name;
  }
}

TEST(CapabilityTable, IsRefusedWithoutSourceOrJudgement) {
  const std::string text = R"({
    "schema": "membudget.capability/1",
    "families": [{"family": "f", "released": "2025-13"}]})";
  Faults faults("capability.json", text);
  static_cast<void>(decode_capability(faults));
  EXPECT_FALSE(faults.empty());
}

}  // namespace
}  // namespace membudget::rank_test
