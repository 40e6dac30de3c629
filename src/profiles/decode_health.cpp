// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

/// A number from `least` to `most` that must be there.
double take_number(Fields& fields, std::string_view key, double least, double most) {
  if (!fields.has(key)) {
    static_cast<void>(fields.positive(key));  // Notes that it is missing.
    return least;
  }
  return fields.number_or_none(key, least, most).value_or(least);
}

// No machine is beyond these; a unit that was mistaken is.
constexpr double most_celsius = 150;
constexpr double most_pages = 1e9;
constexpr double most_tps = 1e6;

bool take_downgrade(Fields fields, HealthRules& out) {
  out.downgrade_memory = take_number(fields, "memory_above", 0, 1);
  out.downgrade_swap = take_number(fields, "swap_above", 0, most_pages);
  out.downgrade_temperature = take_number(fields, "temperature_above", 0, most_celsius);
  out.downgrade_generation_tps = take_number(fields, "generation_tps_below", 0, most_tps);
  static_cast<void>(fields.text("source"));
  static_cast<void>(fields.text("swap_unit"));
  fields.finish();
  return fields.sound({"memory_above", "temperature_above", "generation_tps_below"});
}

/// Advice that asks for both at once would never settle.
void take_upgrade(Fields fields, bool comparable, HealthRules& out) {
  out.upgrade_memory = take_number(fields, "memory_below", 0, 1);
  out.upgrade_temperature = take_number(fields, "temperature_below", 0, most_celsius);
  out.upgrade_generation_tps = take_number(fields, "generation_tps_above", 0, most_tps);
  static_cast<void>(fields.text("source"));
  const auto apart = [&](std::string_view key, bool good, double limit) {
    if (comparable && fields.sound({key}) && !good) {
      fields.fail(key, fmt::format("must be on the better side of the downgrade's {}", limit));
    }
  };
  apart("memory_below", out.upgrade_memory <= out.downgrade_memory, out.downgrade_memory);
  apart("temperature_below", out.upgrade_temperature <= out.downgrade_temperature,
        out.downgrade_temperature);
  apart("generation_tps_above", out.upgrade_generation_tps >= out.downgrade_generation_tps,
        out.downgrade_generation_tps);
  fields.finish();
}

ThermalState take_state(Fields& fields, std::string_view key) {
  const std::string name = fields.one_of(key, {"nominal", "fair", "serious", "critical"});
  return thermal_state_of_name(name).value_or(ThermalState::nominal);
}

void take_states(Fields fields, HealthRules& out) {
  out.hot_from = take_state(fields, "hot_from");
  out.cool_to = take_state(fields, "cool_to");
  if (fields.sound({"hot_from", "cool_to"}) && out.cool_to >= out.hot_from) {
    fields.fail("cool_to", "must be cooler than hot_from");
  }
  static_cast<void>(fields.text("source"));
  fields.finish();
}

void take_score(Fields fields, HealthRules& out) {
  out.score_tps = fields.positive("full_tps");
  out.score_cool = take_number(fields, "cool", 0, most_celsius);
  out.score_span = fields.positive("span");
  static_cast<void>(fields.text("source"));
  fields.finish();
}

void take_hysteresis(Fields fields, HealthRules& out) {
  out.downgrade_samples = fields.whole("downgrade_samples", 1);
  out.upgrade_samples = fields.whole("upgrade_samples", 1);
  out.keep_samples = fields.whole("keep_samples", 1);
  out.memory_band = take_number(fields, "memory_band", 0, 1);
  out.swap_band = take_number(fields, "swap_band", 0, most_pages);
  out.temperature_band = take_number(fields, "temperature_band", 0, most_celsius);
  out.generation_tps_band = take_number(fields, "generation_tps_band", 0, 0.99);
  out.hold_samples = fields.whole("hold_samples", 0);
  Fields reasons = fields.object("reasons");
  for (const std::string_view key :
       {"downgrade_samples", "upgrade_samples", "keep_samples", "memory_band", "swap_band",
        "temperature_band", "generation_tps_band", "hold_samples"}) {
    static_cast<void>(reasons.text(key));
  }
  reasons.finish();
  fields.finish();
}

}  // namespace

HealthRules decode_health(Faults& faults) {
  HealthRules out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.health/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  const bool comparable = take_downgrade(fields.object("downgrade"), out);
  take_upgrade(fields.object("upgrade"), comparable, out);
  take_states(fields.object("thermal_states"), out);
  take_score(fields.object("score"), out);
  take_hysteresis(fields.object("hysteresis"), out);
  fields.finish();
  return out;
}

}  // namespace membudget
