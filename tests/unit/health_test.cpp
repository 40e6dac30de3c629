// SPDX-License-Identifier: MIT
#include "membudget/health.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "membudget/profiles.hpp"

namespace membudget::health_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

HealthRules rules() {
  static const HealthRules rules = Profiles::embedded().health_rules();
  return rules;
}

/// The pseudo-code of the model-size analysis for an M1 16 GB, as it is printed there: percent, and
/// figures that are all known.
namespace document {

HealthAdvice advice(double memory_percent, double swap_activity, double temperature, double tps) {
  if (memory_percent > 85 || swap_activity > 100 || temperature > 85 || tps < 5) {
    return HealthAdvice::downgrade;
  }
  if (memory_percent < 60 && tps > 20 && temperature < 70) {
    return HealthAdvice::upgrade;
  }
  return HealthAdvice::keep;
}

double score(double memory_percent, double temperature, double tps) {
  return (std::min(tps / 20, 1.0) + (1 - memory_percent / 100) +
          (1 - std::max((temperature - 60) / 30, 0.0))) /
         3;
}

}  // namespace document

TEST(Health, DecidesAndScoresAsTheDocumentDoes) {
  int decisions[3] = {0, 0, 0};
  for (const double memory : {0.0, 40.0, 59.9, 60.0, 60.1, 84.9, 85.0, 85.1, 100.0}) {
    for (const double swap : {0.0, 99.9, 100.0, 100.1, 5000.0}) {
      for (const double temperature : {20.0, 60.0, 69.9, 70.0, 84.9, 85.0, 85.1, 120.0}) {
        for (const double tps : {0.0, 4.9, 5.0, 10.0, 19.9, 20.0, 20.1, 300.0}) {
          // memory / 100 * 100 is not memory for every figure.
          const HealthMeasurements measured{.memory = memory / 100,
                                            .swap = swap,
                                            .temperature = temperature,
                                            .generation_tps = tps,
                                            .thermal_state = std::nullopt};
          const HealthReading reading = judge_health(measured, rules());
          const auto expected = document::advice(memory, swap, temperature, tps);
          ASSERT_EQ(reading.advice, expected)
              << fmt::format("{} % {} {} C {} t/s", memory, swap, temperature, tps);
          ASSERT_DOUBLE_EQ(reading.score.value(), document::score(memory, temperature, tps));
          ASSERT_EQ(reading.score_parts, 3);
          ASSERT_THAT(reading.missing, IsEmpty());
          ASSERT_FALSE(reading.reasons.empty());
          ++decisions[static_cast<int>(reading.advice)];
        }
      }
    }
  }
  for (const int count : decisions) EXPECT_GT(count, 50);
}

TEST(Health, WhatIsNotMeasuredNeverDowngrades) {
  const HealthReading reading = judge_health({}, rules());
  EXPECT_EQ(reading.advice, HealthAdvice::keep);
  EXPECT_FALSE(reading.score.has_value());
  EXPECT_THAT(reading.missing,
              ElementsAre(Vital::memory, Vital::swap, Vital::temperature, Vital::generation_tps));
}

TEST(Health, OneVitalIsEnoughForADowngrade) {
  const HealthReading reading = judge_health(
      {.memory = 0.91, .swap = {}, .temperature = {}, .generation_tps = {}, .thermal_state = {}},
      rules());
  EXPECT_EQ(reading.advice, HealthAdvice::downgrade);
  EXPECT_THAT(reading.over, ElementsAre(Vital::memory));
  EXPECT_THAT(reading.reasons, ElementsAre("memory: 91 % is above 85 %"));
  EXPECT_DOUBLE_EQ(reading.score.value(), 1 - 0.91);
  EXPECT_EQ(reading.score_parts, 1);
}

TEST(Health, AnUpgradeNeedsEachOfItsThreeButNotSwap) {
  HealthMeasurements measured;
  measured.memory = 0.4;
  measured.generation_tps = 40;
  EXPECT_EQ(judge_health(measured, rules()).advice, HealthAdvice::keep);
  EXPECT_THAT(judge_health(measured, rules()).reasons, Contains(HasSubstr("temperature: not")));
  measured.temperature = 50;
  EXPECT_EQ(judge_health(measured, rules()).advice, HealthAdvice::upgrade);
  measured.swap = 101;
  EXPECT_EQ(judge_health(measured, rules()).advice, HealthAdvice::downgrade);
}

TEST(Health, TheThermalStateStandsForATemperature) {
  HealthMeasurements measured;
  measured.memory = 0.4;
  measured.generation_tps = 40;
  const auto advice_at = [&](ThermalState state) {
    measured.thermal_state = state;
    return judge_health(measured, rules()).advice;
  };
  EXPECT_EQ(advice_at(ThermalState::nominal), HealthAdvice::upgrade);
  EXPECT_EQ(advice_at(ThermalState::fair), HealthAdvice::keep);
  EXPECT_EQ(advice_at(ThermalState::serious), HealthAdvice::downgrade);
  EXPECT_EQ(advice_at(ThermalState::critical), HealthAdvice::downgrade);
  // Where both are known the figure counts.
  measured.temperature = 50;
  EXPECT_EQ(advice_at(ThermalState::critical), HealthAdvice::upgrade);
  EXPECT_THAT(judge_health(measured, rules()).missing, ElementsAre(Vital::swap));
}

HealthMeasurements sample(double memory, double tps, double temperature) {
  HealthMeasurements out;
  out.memory = memory;
  out.generation_tps = tps;
  out.temperature = temperature;
  return out;
}

TEST(HealthWatch, AdvisesAfterSeveralSamplesInARow) {
  HealthWatch watch(rules());
  const auto bad = sample(0.9, 10, 60);
  const auto fine = sample(0.7, 10, 60);
  EXPECT_EQ(watch.add(bad), HealthAdvice::keep);
  EXPECT_EQ(watch.add(bad), HealthAdvice::keep);
  EXPECT_EQ(watch.add(fine), HealthAdvice::keep);  // Starts the count anew.
  EXPECT_EQ(watch.add(bad), HealthAdvice::keep);
  EXPECT_EQ(watch.add(bad), HealthAdvice::keep);
  EXPECT_EQ(watch.pending(), 2);
  EXPECT_EQ(watch.add(bad), HealthAdvice::downgrade);
}

TEST(HealthWatch, TakesAdviceBackOnlyBeyondTheBand) {
  HealthWatch watch(rules());
  for (int i = 0; i < 3; ++i) watch.add(sample(0.9, 10, 60));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(watch.add(sample(0.81, 10, 60)), HealthAdvice::downgrade);
  }
  EXPECT_EQ(watch.add(sample(0.79, 10, 60)), HealthAdvice::downgrade);
  EXPECT_EQ(watch.add(sample(0.79, 10, 60)), HealthAdvice::downgrade);
  EXPECT_EQ(watch.add(sample(0.79, 10, 60)), HealthAdvice::keep);
}

TEST(HealthWatch, SettlesOnWhatSteadySamplesSay) {
  for (const auto& steady : {sample(0.9, 30, 50), sample(0.4, 30, 50), sample(0.7, 30, 50),
                             sample(0.4, 4, 50), sample(0.4, 30, 90)}) {
    HealthWatch watch(rules());
    for (int i = 0; i < 10; ++i) watch.add(steady);
    EXPECT_EQ(watch.advice(), judge_health(steady, rules()).advice);
  }
}

TEST(HealthWatch, AnIdleServerDoesNotTakeAdviceBack) {
  HealthWatch watch(rules());
  for (int i = 0; i < 3; ++i) watch.add(sample(0.7, 3, 60));
  ASSERT_EQ(watch.advice(), HealthAdvice::downgrade);
  HealthMeasurements idle = sample(0.7, 0, 60);
  idle.generation_tps.reset();
  for (std::int64_t i = 0; i < rules().hold_samples; ++i) {
    ASSERT_EQ(watch.add(idle), HealthAdvice::downgrade) << i;
  }
  // What was measured long ago is not known any more.
  for (std::int64_t i = 0; i < rules().keep_samples; ++i) watch.add(idle);
  EXPECT_EQ(watch.advice(), HealthAdvice::keep);
  EXPECT_FALSE(watch.merged().generation_tps.has_value());
}

}  // namespace
}  // namespace membudget::health_test
