// SPDX-License-Identifier: MIT
#include "advice.hpp"

#include <iterator>
#include <utility>
#include <vector>

namespace {

using namespace membudget;

std::vector<StepReport> with_speed(std::vector<Step> steps, const PlanInputs& inputs) {
  std::vector<StepReport> out;
  out.reserve(steps.size());
  for (Step& step : steps) {
    StepReport& row = out.emplace_back();
    row.step = std::move(step);
    if (inputs.speed_rules) {
      const Model& model = row.step.model == nullptr ? inputs.model : *row.step.model;
      row.speed = speed(model, inputs.machine, row.step.plan.footprint, *inputs.speed_rules,
                        inputs.speed);
    }
  }
  return out;
}

}  // namespace

void add_advice(PlanReport& report, const PlanInputs& inputs) {
  const AdviceRules rules = inputs.profiles.advice_rules();
  auto alternatives = quantizations_of(inputs.model, inputs.profiles, rules.finer_to_coarser);
  auto relatives = relatives_of(inputs.model, inputs.profiles);
  std::move(relatives.begin(), relatives.end(), std::back_inserter(alternatives));
  Ladder steps = ladder(inputs.model, inputs.machine, inputs.runtime, inputs.workload, rules,
                        inputs.profiles.quality_table(), alternatives);
  report.changes = with_speed(std::move(steps.steps), inputs);
  report.affordable = with_speed(std::move(steps.affordable), inputs);
}
