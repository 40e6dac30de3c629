// SPDX-License-Identifier: MIT
#include "membudget/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "membudget/record.hpp"

namespace membudget {
namespace {

using Kind = CalibrationSample::Kind;

/// Median and median distance of what the samples of one kind say.
CalibrationFigure figure_of(const std::vector<double>& values) {
  CalibrationFigure out;
  out.records = static_cast<std::int64_t>(values.size());
  out.middle = median(values);
  std::vector<double> distances;
  std::transform(values.begin(), values.end(), std::back_inserter(distances),
                 [&](double value) { return std::abs(value - out.middle); });
  out.spread = median(std::move(distances));
  return out;
}

void decide(CalibrationFigure& figure, const CalibrationRules& rules, bool plausible,
            std::string_view otherwise) {
  if (figure.records < rules.least_records) {
    figure.why_not = fmt::format("{} record{} {} too few; {} are needed", figure.records,
                                 figure.records == 1 ? "" : "s", figure.records == 1 ? "is" : "are",
                                 rules.least_records);
  } else if (!plausible) {
    figure.why_not = otherwise;
  } else {
    figure.applied = true;
  }
}

void decide_rate(CalibrationFigure& figure, const CalibrationRules& rules) {
  decide(figure, rules, figure.middle >= rules.least_factor && figure.middle <= rules.most_factor,
         fmt::format("x{:.2f} is not between x{:g} and x{:g}, so something else than the Mac is "
                     "different: low power mode, swapping, other settings than recorded",
                     figure.middle, rules.least_factor, rules.most_factor));
}

struct Group {
  std::vector<double> generation;
  std::vector<double> prompt;
  std::vector<double> memory;  ///< Measured - predicted.
  std::vector<double> predicted_memory;
};

void decide_memory(CalibrationFigure& figure, const Group& group, const CalibrationRules& rules) {
  const double predicted = median(group.predicted_memory);
  decide(figure, rules, std::abs(figure.middle) <= rules.most_overhead * predicted,
         fmt::format("more than {:g} % of what is predicted, so the records are of other settings "
                     "or count something else",
                     100 * rules.most_overhead));
  // Less than predicted gives nothing back: what is planned must be there.
  if (figure.applied && figure.middle < 0) {
    figure.applied = false;
    figure.why_not = "the records took no more than is predicted";
  }
}

}  // namespace

const EngineCalibration* Calibration::of(std::string_view chip, std::string_view engine) const {
  const auto found = std::find_if(
      engines.begin(), engines.end(),
      [&](const EngineCalibration& each) { return each.chip == chip && each.engine == engine; });
  return found == engines.end() ? nullptr : &*found;
}

Calibration calibrate(std::span<const CalibrationSample> samples, const CalibrationRules& rules) {
  std::map<std::pair<std::string, std::string>, Group> groups;
  for (const CalibrationSample& sample : samples) {
    Group& group = groups[{sample.chip, sample.engine}];
    const double ratio = sample.measured / sample.predicted;
    switch (sample.kind) {
      case Kind::generation:
        group.generation.push_back(ratio);
        break;
      case Kind::prompt:
        group.prompt.push_back(ratio);
        break;
      case Kind::memory:
        group.memory.push_back(sample.measured - sample.predicted);
        group.predicted_memory.push_back(sample.predicted);
        break;
    }
  }
  Calibration out;
  for (const auto& [key, group] : groups) {
    EngineCalibration& engine = out.engines.emplace_back();
    std::tie(engine.chip, engine.engine) = key;
    engine.generation = figure_of(group.generation);
    engine.prompt = figure_of(group.prompt);
    engine.memory = figure_of(group.memory);
    decide_rate(engine.generation, rules);
    decide_rate(engine.prompt, rules);
    decide_memory(engine.memory, group, rules);
  }
  return out;
}

std::optional<SpeedCalibration> speed_calibration(const EngineCalibration& engine) {
  if (!engine.generation.applied && !engine.prompt.applied) {
    return std::nullopt;
  }
  SpeedCalibration out;
  if (engine.generation.applied) {
    out.generation = engine.generation.middle;
    out.generation_records = engine.generation.records;
  }
  if (engine.prompt.applied) {
    out.prompt = engine.prompt.middle;
    out.prompt_records = engine.prompt.records;
  }
  return out;
}

}  // namespace membudget
