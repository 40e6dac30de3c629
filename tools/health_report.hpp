// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "substitutes.hpp"

/// One sample and what comes of it.
struct HealthOutcome {
  std::int64_t sample = 1;
  membudget::HealthMeasurements measured;
  membudget::HealthReading reading;
  membudget::HealthAdvice advice = membudget::HealthAdvice::keep;
  std::optional<membudget::ServerSample> server;
  std::vector<std::string> notes;
  Substitutes instead;
};

/// One line of JSON by profiles/schema/health_advice.schema.json.
[[nodiscard]] std::string as_json(const HealthOutcome& outcome);
/// Advice, reasons, and what to go to.
[[nodiscard]] std::string as_text(const HealthOutcome& outcome);
/// One line per sample of a watch.
[[nodiscard]] std::string as_line(const HealthOutcome& outcome);
