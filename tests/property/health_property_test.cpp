// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <vector>

#include "membudget/health.hpp"
#include "membudget/profiles.hpp"

namespace membudget::health_property_test {
namespace {

HealthRules rules() {
  static const HealthRules rules = Profiles::embedded().health_rules();
  return rules;
}

/// From -1 to 1.
double unit() {
  return *rc::gen::inRange(-1000, 1001) / 1000.0;
}

int changes_over(const std::vector<HealthMeasurements>& series) {
  HealthWatch watch(rules());
  int out = 0;
  HealthAdvice last = watch.advice();
  for (const auto& sample : series) {
    const HealthAdvice now = watch.add(sample);
    out += now != last ? 1 : 0;
    last = now;
  }
  return out;
}

/// How often the rules alone would change their mind.
int raw_changes_over(const std::vector<HealthMeasurements>& series) {
  int out = 0;
  HealthAdvice last = HealthAdvice::keep;
  for (const auto& sample : series) {
    const HealthAdvice now = judge_health(sample, rules()).advice;
    out += now != last ? 1 : 0;
    last = now;
  }
  return out;
}

RC_GTEST_PROP(HealthWatchProperty, NoiseAroundALimitChangesTheAdviceAtMostOnce, ()) {
  const HealthRules limits = rules();
  const int limit = *rc::gen::inRange(0, 7);
  std::vector<HealthMeasurements> series;
  for (int i = 0; i < 200; ++i) {
    // Comfortably between all limits, but for one vital that swings around one of its own.
    HealthMeasurements sample;
    sample.memory = limit >= 4 ? 0.4 : 0.7;
    sample.generation_tps = limit >= 4 ? 40 : 12;
    sample.temperature = limit >= 4 ? 50 : 75;
    sample.swap = 0;
    const double noise = unit() / 2;
    switch (limit) {
      case 0:
        sample.memory = limits.downgrade_memory + noise * limits.memory_band;
        break;
      case 1:
        sample.swap = limits.downgrade_swap + noise * limits.swap_band;
        break;
      case 2:
        sample.temperature = limits.downgrade_temperature + noise * limits.temperature_band;
        break;
      case 3:
        sample.generation_tps =
            limits.downgrade_generation_tps * (1 + noise * limits.generation_tps_band);
        break;
      case 4:
        sample.memory = limits.upgrade_memory + noise * limits.memory_band;
        break;
      case 5:
        sample.temperature = limits.upgrade_temperature + noise * limits.temperature_band;
        break;
      default:
        sample.generation_tps =
            limits.upgrade_generation_tps * (1 + noise * limits.generation_tps_band);
    }
    series.push_back(sample);
  }
  RC_CLASSIFY(raw_changes_over(series) > 20, "the rules alone flap");
  RC_ASSERT(changes_over(series) <= 1);
}

RC_GTEST_PROP(HealthWatchProperty, NoAdviceIsGivenOrTakenBackWithinFewerSamplesThanItNeeds, ()) {
  const HealthRules limits = rules();
  HealthWatch watch(limits);
  HealthAdvice last = watch.advice();
  std::int64_t since = 1000;
  for (int i = 0; i < 300; ++i) {
    HealthMeasurements sample;
    if (*rc::gen::inRange(0, 5) > 0) sample.memory = 0.5 + unit() / 2;
    if (*rc::gen::inRange(0, 5) > 0) sample.generation_tps = 20 + 20 * unit();
    if (*rc::gen::inRange(0, 5) > 0) sample.temperature = 70 + 25 * unit();
    const HealthAdvice now = watch.add(sample);
    ++since;
    if (now != last) {
      const auto needed = now == HealthAdvice::downgrade ? limits.downgrade_samples
                          : now == HealthAdvice::upgrade ? limits.upgrade_samples
                                                         : limits.keep_samples;
      RC_ASSERT(since >= needed);
      since = 0;
      last = now;
    }
  }
}

RC_GTEST_PROP(HealthProperty, MoreMemoryInUseNeverRaisesTheScoreOrTheAdvice, ()) {
  HealthMeasurements low;
  low.memory = 0.5 + unit() / 2;
  low.temperature = 70 + 30 * unit();
  low.generation_tps = 20 + 20 * unit();
  HealthMeasurements high = low;
  high.memory = std::min(1.0, *low.memory + std::abs(unit()));
  const auto better = judge_health(low, rules());
  const auto worse = judge_health(high, rules());
  RC_ASSERT(*worse.score <= *better.score);
  const auto rank = [](HealthAdvice advice) {
    return advice == HealthAdvice::downgrade ? 0 : advice == HealthAdvice::keep ? 1 : 2;
  };
  RC_ASSERT(rank(worse.advice) <= rank(better.advice));
}

}  // namespace
}  // namespace membudget::health_property_test
