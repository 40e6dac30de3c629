// SPDX-License-Identifier: MIT
#include "membudget/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace membudget {
namespace {

std::string shown(Vital vital, double value) {
  switch (vital) {
    case Vital::memory:
      return fmt::format("{:.4g} %", 100 * value);
    case Vital::swap:
      return fmt::format("{:.4g} pages/s", value);
    case Vital::temperature:
      return fmt::format("{:.4g} C", value);
    case Vital::generation_tps:
      return fmt::format("{:.3g} tokens/s", value);
  }
  return "";
}

std::string sentence(Vital vital, double value, std::string_view relation, double limit) {
  return fmt::format("{}: {} is {} {}", to_string(vital), shown(vital, value), relation,
                     shown(vital, limit));
}

std::string sentence(ThermalState state, std::string_view meaning) {
  return fmt::format("temperature: the thermal state is {}, {}", to_string(state), meaning);
}

/// Whether only the thermal state says how warm it is.
bool by_state(const HealthMeasurements& measured) {
  return !measured.temperature && measured.thermal_state;
}

void judge_downgrade(const HealthMeasurements& measured, const HealthRules& rules,
                     HealthReading& out) {
  const auto above = [&](Vital vital, double limit) {
    if (const auto value = measured.of(vital); value && *value > limit) {
      out.over.push_back(vital);
      out.reasons.push_back(sentence(vital, *value, "above", limit));
    }
  };
  above(Vital::memory, rules.downgrade_memory);
  above(Vital::swap, rules.downgrade_swap);
  above(Vital::temperature, rules.downgrade_temperature);
  if (by_state(measured) && *measured.thermal_state >= rules.hot_from) {
    out.over.push_back(Vital::temperature);
    out.reasons.push_back(sentence(*measured.thermal_state, "which counts as too hot"));
  }
  if (const auto& tps = measured.generation_tps; tps && *tps < rules.downgrade_generation_tps) {
    out.over.push_back(Vital::generation_tps);
    out.reasons.push_back(
        sentence(Vital::generation_tps, *tps, "below", rules.downgrade_generation_tps));
  }
  if (!out.over.empty()) {
    out.advice = HealthAdvice::downgrade;
  }
}

/// Says what speaks for an upgrade, or, when anything does, what speaks against it.
void judge_upgrade(const HealthMeasurements& measured, const HealthRules& rules,
                   HealthReading& out) {
  std::vector<std::string> met;
  std::vector<std::string> unmet;
  const auto compare = [&](Vital vital, double limit, bool below) {
    const auto value = measured.of(vital);
    if (!value) {
      return;
    }
    const bool good = below ? *value < limit : *value > limit;
    const std::string_view word = below ? "below" : "above";
    (good ? met : unmet)
        .push_back(
            sentence(vital, *value, good ? std::string(word) : fmt::format("not {}", word), limit));
  };
  compare(Vital::memory, rules.upgrade_memory, true);
  compare(Vital::temperature, rules.upgrade_temperature, true);
  if (by_state(measured)) {
    const bool good = *measured.thermal_state <= rules.cool_to;
    (good ? met : unmet)
        .push_back(sentence(*measured.thermal_state,
                            good ? "which counts as cool" : "which does not count as cool"));
  }
  compare(Vital::generation_tps, rules.upgrade_generation_tps, false);
  for (const Vital vital : {Vital::memory, Vital::temperature, Vital::generation_tps}) {
    if (!measured.knows(vital)) {
      unmet.push_back(fmt::format("{}: not measured, and an upgrade needs it", to_string(vital)));
    }
  }
  out.advice = unmet.empty() ? HealthAdvice::upgrade : HealthAdvice::keep;
  out.reasons = unmet.empty() ? met : unmet;
}

void score(const HealthMeasurements& measured, const HealthRules& rules, HealthReading& out) {
  double sum = 0;
  const auto add = [&](double part) {
    sum += part;
    ++out.score_parts;
  };
  if (measured.generation_tps) {
    add(std::min(*measured.generation_tps / rules.score_tps, 1.0));
  }
  if (measured.memory) {
    add(1 - *measured.memory);
  }
  if (measured.temperature) {
    add(1 - std::max((*measured.temperature - rules.score_cool) / rules.score_span, 0.0));
  }
  if (out.score_parts > 0) {
    out.score = sum / static_cast<double>(out.score_parts);
  }
}

}  // namespace

std::optional<double> HealthMeasurements::of(Vital vital) const {
  switch (vital) {
    case Vital::memory:
      return memory;
    case Vital::swap:
      return swap;
    case Vital::temperature:
      return temperature;
    case Vital::generation_tps:
      return generation_tps;
  }
  return std::nullopt;
}

bool HealthMeasurements::knows(Vital vital) const {
  return of(vital).has_value() || (vital == Vital::temperature && thermal_state.has_value());
}

HealthReading judge_health(const HealthMeasurements& measured, const HealthRules& rules) {
  HealthReading out;
  judge_downgrade(measured, rules, out);
  if (out.advice != HealthAdvice::downgrade) {
    judge_upgrade(measured, rules, out);
  }
  score(measured, rules, out);
  std::copy_if(vitals.begin(), vitals.end(), std::back_inserter(out.missing),
               [&](Vital vital) { return !measured.knows(vital); });
  return out;
}

HealthAdvice HealthWatch::add(const HealthMeasurements& sample) {
  merge(sample);
  const HealthAdvice target = wanted();
  if (target == advice_) {
    pending_samples_ = 0;
    pending_ = advice_;
    return advice_;
  }
  pending_samples_ = target == pending_ ? pending_samples_ + 1 : 1;
  pending_ = target;
  const std::int64_t needed = target == HealthAdvice::downgrade ? rules_.downgrade_samples
                              : target == HealthAdvice::upgrade ? rules_.upgrade_samples
                                                                : rules_.keep_samples;
  if (pending_samples_ >= needed) {
    advice_ = target;
    pending_samples_ = 0;
  }
  return advice_;
}

void HealthWatch::merge(const HealthMeasurements& sample) {
  const auto take = [&](Vital vital, auto& held, const auto& fresh, bool measured) {
    std::int64_t& age = age_[static_cast<std::size_t>(vital)];
    age = measured ? 0 : age + 1;
    if (measured || age > rules_.hold_samples) {
      held = fresh;
    }
  };
  take(Vital::memory, merged_.memory, sample.memory, sample.memory.has_value());
  take(Vital::swap, merged_.swap, sample.swap, sample.swap.has_value());
  take(Vital::generation_tps, merged_.generation_tps, sample.generation_tps,
       sample.generation_tps.has_value());
  // Temperature and state are two forms of one vital and are held together.
  const bool warmth = sample.knows(Vital::temperature);
  std::int64_t& age = age_[static_cast<std::size_t>(Vital::temperature)];
  age = warmth ? 0 : age + 1;
  if (warmth || age > rules_.hold_samples) {
    merged_.temperature = sample.temperature;
    merged_.thermal_state = sample.thermal_state;
  }
}

/// What the sample asks for, judged by limits that are wider on the side of the advice that holds.
HealthAdvice HealthWatch::wanted() const {
  HealthRules limits = rules_;
  if (advice_ == HealthAdvice::downgrade) {
    limits.downgrade_memory -= rules_.memory_band;
    limits.downgrade_swap -= rules_.swap_band;
    limits.downgrade_temperature -= rules_.temperature_band;
    limits.downgrade_generation_tps *= 1 + rules_.generation_tps_band;
  } else if (advice_ == HealthAdvice::upgrade) {
    limits.upgrade_memory += rules_.memory_band;
    limits.upgrade_temperature += rules_.temperature_band;
    limits.upgrade_generation_tps *= 1 - rules_.generation_tps_band;
  }
  return judge_health(merged_, limits).advice;
}

std::string_view to_string(HealthAdvice advice) {
  switch (advice) {
    case HealthAdvice::keep:
      return "keep";
    case HealthAdvice::downgrade:
      return "downgrade";
    case HealthAdvice::upgrade:
      return "upgrade";
  }
  return "";
}

std::string_view to_string(Vital vital) {
  switch (vital) {
    case Vital::memory:
      return "memory";
    case Vital::swap:
      return "swap";
    case Vital::temperature:
      return "temperature";
    case Vital::generation_tps:
      return "generation";
  }
  return "";
}

}  // namespace membudget
