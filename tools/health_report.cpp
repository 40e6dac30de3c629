// SPDX-License-Identifier: MIT
#include "health_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace {

using namespace membudget;
using nlohmann::ordered_json;

ordered_json json_of(const HealthMeasurements& measured) {
  ordered_json out = ordered_json::object();
  const auto put = [&](const char* key, const auto& value) {
    if (value) out[key] = *value;
  };
  put("memory", measured.memory);
  put("swap", measured.swap);
  put("temperature", measured.temperature);
  if (measured.thermal_state) out["thermal_state"] = to_string(*measured.thermal_state);
  put("generation_tps", measured.generation_tps);
  return out;
}

ordered_json json_of(const ServerSample& server) {
  ordered_json models = ordered_json::array();
  for (const ResidentModel& model : server.models) {
    models.push_back({{"name", model.name},
                      {"quantization", model.quantization},
                      {"size_bytes", model.size.count()},
                      {"gpu_bytes", model.gpu.count()},
                      {"context", model.context}});
  }
  ordered_json out{{"name", server.server}, {"models", std::move(models)}};
  const auto put = [&](const char* key, const auto& value) {
    if (value) out[key] = *value;
  };
  put("prompt_tps", server.prompt_tps);
  put("slots", server.slots);
  put("busy_slots", server.busy_slots);
  put("slot_context", server.slot_context);
  put("context_used", server.context_used);
  return out;
}

ordered_json json_of(const Substitute& option) {
  ordered_json changes = ordered_json::array();
  for (const Change& change : option.changes) {
    changes.push_back(
        {{"setting", to_string(change.lever)}, {"from", change.from}, {"to", change.to}});
  }
  ordered_json out{{"changes", std::move(changes)},
                   {"verdict", to_string(option.plan.verdict)},
                   {"total_bytes", option.plan.footprint.total().count()}};
  if (option.generation_tps > 0) out["generation_tps"] = option.generation_tps;
  if (option.fallback) out["fallback"] = true;
  return out;
}

std::string word_of(HealthAdvice advice) {
  switch (advice) {
    case HealthAdvice::keep:
      return "Keep";
    case HealthAdvice::downgrade:
      return "Downgrade";
    case HealthAdvice::upgrade:
      return "Upgrade";
  }
  return "";
}

std::string score_of(const HealthReading& reading) {
  if (!reading.score) return "score unknown";
  return fmt::format(
      "score {:.2f}{}", *reading.score,
      reading.score_parts == 3 ? "" : fmt::format(" from {} of 3 parts", reading.score_parts));
}

std::string words_of(const Substitute& option) {
  std::string out;
  for (const Change& change : option.changes) {
    const auto setting = change.lever == Lever::model || change.lever == Lever::quantization
                             ? std::string()
                             : fmt::format("{} ", to_string(change.lever));
    out += fmt::format("{}{}{} instead of {}", out.empty() ? "" : " and ", setting, change.to,
                       change.from);
  }
  out += fmt::format(": {}, {}", to_text(option.plan.footprint.total()),
                     to_string(option.plan.verdict));
  if (option.generation_tps > 0 && fits(option.plan.verdict)) {
    out += fmt::format(", about {:.3g} tokens/s", option.generation_tps);
  }
  return out + (option.fallback ? " (your fallback)" : "");
}

}  // namespace

std::string as_json(const HealthOutcome& outcome) {
  ordered_json out{{"schema", "membudget.health_advice/1"},
                   {"sample", outcome.sample},
                   {"advice", to_string(outcome.advice)},
                   {"reading", to_string(outcome.reading.advice)},
                   {"reasons", outcome.reading.reasons}};
  if (outcome.reading.score) out["score"] = *outcome.reading.score;
  out["score_parts"] = outcome.reading.score_parts;
  out["measured"] = json_of(outcome.measured);
  ordered_json missing = ordered_json::array();
  for (const Vital vital : outcome.reading.missing) missing.push_back(to_string(vital));
  out["missing"] = std::move(missing);
  if (outcome.server) out["server"] = json_of(*outcome.server);
  auto notes = outcome.notes;
  notes.insert(notes.end(), outcome.instead.notes.begin(), outcome.instead.notes.end());
  if (!notes.empty()) out["notes"] = notes;
  for (const Substitute& option : outcome.instead.options) out["go_to"].push_back(json_of(option));
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(const HealthOutcome& outcome) {
  std::string out = fmt::format("{}, {}\n", word_of(outcome.advice), score_of(outcome.reading));
  for (const std::string& reason : outcome.reading.reasons) out += fmt::format("  {}\n", reason);
  // Reasons to keep name what an upgrade lacks already.
  std::string missing;
  for (const Vital vital : outcome.reading.missing) {
    const bool named = std::ranges::any_of(outcome.reading.reasons, [&](const std::string& reason) {
      return reason.starts_with(fmt::format("{}: not measured", to_string(vital)));
    });
    if (!named) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", to_string(vital));
  }
  if (!missing.empty()) out += fmt::format("  not measured: {}\n", missing);
  if (!outcome.instead.options.empty()) out += "Go to\n";
  for (const Substitute& option : outcome.instead.options) {
    out += fmt::format("  {}\n", words_of(option));
  }
  auto notes = outcome.notes;
  notes.insert(notes.end(), outcome.instead.notes.begin(), outcome.instead.notes.end());
  for (const std::string& note : notes) out += fmt::format("  note: {}\n", note);
  return out;
}

std::string as_line(const HealthOutcome& outcome) {
  std::string figures;
  const auto add = [&](const std::string& text) {
    figures += fmt::format("{}{}", figures.empty() ? "" : ", ", text);
  };
  const HealthMeasurements& measured = outcome.measured;
  if (measured.memory) add(fmt::format("memory {:.0f} %", 100 * *measured.memory));
  if (measured.swap) add(fmt::format("swap {:.0f} pages/s", *measured.swap));
  if (measured.temperature) add(fmt::format("{:.0f} C", *measured.temperature));
  if (measured.thermal_state) add(fmt::format("thermal {}", to_string(*measured.thermal_state)));
  if (measured.generation_tps) add(fmt::format("{:.1f} tokens/s", *measured.generation_tps));
  return fmt::format("{:>4}  {:<9}  {}{}\n", outcome.sample, to_string(outcome.advice),
                     score_of(outcome.reading), figures.empty() ? "" : ": " + figures);
}
