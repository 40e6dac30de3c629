// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "report/summary.hpp"

namespace membudget::report {
namespace {

/// Three digits, as many as benchmarks differ in.
std::string number(double value) {
  return value < 10    ? fmt::format("{:.2f}", value)
         : value < 100 ? fmt::format("{:.1f}", value)
                       : fmt::format("{:.0f}", value);
}

std::string tokens(const Rate& rate) {
  return fmt::format("{} tokens/s ({} to {})", number(rate.tps), number(rate.low),
                     number(rate.high));
}

std::string duration(double milliseconds) {
  return milliseconds < 1000 ? fmt::format("{:.0f} ms", milliseconds)
                             : fmt::format("{} s", number(milliseconds / 1000));
}

/// "generation x0.93 by 12 records of this Mac, prompt x1.04 by 8 records of this Mac"
std::string calibration(const SpeedCalibration& own) {
  std::string out;
  const auto add = [&](std::string_view what, double factor, std::int64_t records) {
    if (records == 0) return;
    out += fmt::format("{}{} x{:.2f} by {} record{} of this Mac", out.empty() ? "" : ", ", what,
                       factor, records, records == 1 ? "" : "s");
  };
  add("generation", own.generation, own.generation_records);
  add("prompt", own.prompt, own.prompt_records);
  return out;
}

}  // namespace

Experience experience(const PlanReport& report) {
  return fits(report.plan.verdict) ? report.speed->experience : Experience::unusable;
}

std::vector<Entry> speeds(const PlanReport& report) {
  if (!report.speed) return {};
  const Speed& speed = *report.speed;
  const bool resident = fits(report.plan.verdict);
  std::vector<Entry> out;
  if (speed.generation.tps > 0) {
    auto text = tokens(speed.generation);
    if (const auto from = speed.request.generated_from(); from > 0) {
      text += fmt::format(" after {} tokens", from);
    }
    text += resident ? fmt::format(": {}; most of the time goes into {}",
                                   to_string(speed.experience), bottleneck(speed))
                     : std::string(" if all of it fitted; paging makes it many times slower");
    out.push_back({"generation", std::move(text)});
  }
  if (const auto* part = offloaded(report);
      !resident && part != nullptr && part->speed && part->speed->generation.tps > 0) {
    out.push_back({"with the CPU",
                   fmt::format("{} with {}: {}", tokens(part->speed->generation),
                               words(part->step.changes), to_string(part->speed->experience))});
  }
  out.push_back({"prompt", tokens(speed.prompt)});
  auto wait =
      fmt::format("{} for {} tokens", duration(speed.first_token_ms), speed.request.prompt_tokens);
  if (resident) wait += fmt::format(": {}", to_string(speed.first_token));
  out.push_back({speed.generation.tps > 0 ? "first token" : "answer", std::move(wait)});
  if (!speed.note.empty()) out.push_back({"less certain", speed.note});
  if (speed.calibration) out.push_back({"calibrated", calibration(*speed.calibration)});
  return out;
}

std::vector<Entry> speed_formulas(const PlanReport& report) {
  if (!report.speed || report.speed->generation.tps <= 0) return {};
  const Speed& speed = *report.speed;
  const TokenTime& time = speed.token;
  std::string sum;
  const auto add = [&](std::string_view name, double milliseconds) {
    if (milliseconds <= 0) return;
    sum += fmt::format("{}{:.3g} ms {}", sum.empty() ? "" : " + ", milliseconds, name);
  };
  add("weights", time.weights);
  add("cache", time.cache);
  add("recurrent state", time.state);
  add("starting kernels", time.kernels);
  add("sampling", time.sampling);
  add("on the CPU", time.cpu);
  const auto& chip = report.machine.chip;
  return {{fmt::format("one token {:.3g} ms", time.total()), std::move(sum)},
          {fmt::format("never above {} tokens/s", number(speed.bound_tps)),
           fmt::format("{} GB/s / {:.4g} GB that a token reads", chip.bandwidth_gbs,
                       speed.bytes_per_token / 1e9)}};
}

}  // namespace membudget::report
