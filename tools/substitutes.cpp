// SPDX-License-Identifier: MIT
#include "substitutes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace {

using namespace membudget;

constexpr std::size_t most_options = 3;

bool has(const HealthReading& reading, Vital vital) {
  return std::ranges::find(reading.over, vital) != reading.over.end();
}

Bytes share_of(Bytes ram, double share) {
  return Bytes(static_cast<std::int64_t>(static_cast<double>(ram.count()) * share));
}

class Search {
 public:
  Search(const PlanInputs& inputs, const HealthReading& reading, const HealthMeasurements& measured,
         HealthAdvice advice)
      : inputs_(inputs),
        reading_(reading),
        measured_(measured),
        rules_(inputs.profiles.health_rules()),
        machine_(inputs.machine),
        now_(plan(inputs.model, inputs.machine, inputs.runtime, inputs.workload)) {
    if (measured.memory) fit_to_measured_memory(advice == HealthAdvice::downgrade);
    // What is slow because the machine swaps says nothing about a model that fits.
    const double predicted = tps_of(inputs.model, now_.footprint);
    if (measured.generation_tps && predicted > 0 && !has(reading, Vital::memory) &&
        !has(reading, Vital::swap)) {
      reached_ = *measured.generation_tps / predicted;
    }
  }

  Substitutes downgrade() {
    if (has(reading_, Vital::memory) || has(reading_, Vital::swap)) lighter();
    if (has(reading_, Vital::generation_tps) || has(reading_, Vital::temperature)) faster();
    return std::move(out_);
  }

  Substitutes upgrade() {
    auto alternatives = all_alternatives();
    // What turns out too slow makes room for the next smaller one.
    for (int round = 0; round < 6; ++round) {
      const auto steps = ladder_of(alternatives).affordable;
      std::vector<std::string> slow;
      for (const Step& step : steps) {
        const Lever lever = step.changes.front().lever;
        if (lever != Lever::quantization && lever != Lever::model) continue;
        if (fast_enough(tps_of(step))) {
          add(step);
        } else {
          slow.push_back(step.changes.front().to);
        }
      }
      if (slow.empty()) break;
      out_.options.clear();
      std::erase_if(alternatives, [&](const Alternative& each) {
        return std::ranges::find(slow, each.name) != slow.end();
      });
    }
    if (out_.options.empty()) {
      out_.notes.emplace_back(
          "no larger relative or finer quantization is both comfortable and "
          "fast enough here");
    }
    return std::move(out_);
  }

 private:
  /// Other programs hold what is in use and not the model's; after a downgrade the memory must be
  /// under its limit by the band, or the advice would stay.
  void fit_to_measured_memory(bool downgrade) {
    const Bytes ram = machine_.chip.ram;
    const Bytes used = share_of(ram, *measured_.memory);
    const Bytes model = now_.footprint.total();
    const Bytes others = std::max(used - model, Bytes());
    machine_.beside.clear();
    machine_.reserve = std::clamp(others, machine_.chip.reserve, ram);
    if (!downgrade) return;
    const Bytes margin = budget(machine_, inputs_.runtime).safety_margin;
    const Bytes free = share_of(ram, 1 - rules_.downgrade_memory + rules_.memory_band);
    const Bytes more = std::max(free - margin, Bytes());
    machine_.reserve = std::min(others + more, ram);
    out_.notes.push_back(
        fmt::format("{} of {} RAM are in use: {} by the model as planned, {} by "
                    "other programs",
                    to_text(used), to_text(ram), to_text(std::min(model, used)), to_text(others)));
  }

  [[nodiscard]] double tps_of(const Model& model, const Footprint& footprint) const {
    return inputs_.speed_rules
               ? speed(model, inputs_.machine, footprint, *inputs_.speed_rules, inputs_.speed)
                     .generation.tps
               : 0;
  }
  [[nodiscard]] double tps_of(const Step& step) const {
    return reached_ *
           tps_of(step.model == nullptr ? inputs_.model : *step.model, step.plan.footprint);
  }
  /// Not so slow that the next advice would be a downgrade; what is not known is not too slow.
  [[nodiscard]] bool fast_enough(double tps) const {
    return !inputs_.speed_rules ||
           tps >= rules_.downgrade_generation_tps * (1 + rules_.generation_tps_band);
  }

  [[nodiscard]] std::vector<Alternative> all_alternatives() const {
    auto out = quantizations_of(inputs_.model, inputs_.profiles,
                                inputs_.profiles.advice_rules().finer_to_coarser);
    auto relatives = relatives_of(inputs_.model, inputs_.profiles);
    std::move(relatives.begin(), relatives.end(), std::back_inserter(out));
    return out;
  }
  [[nodiscard]] Ladder ladder_of(const std::vector<Alternative>& alternatives) const {
    return ladder(inputs_.model, machine_, inputs_.runtime, inputs_.workload,
                  inputs_.profiles.advice_rules(), inputs_.profiles.quality_table(), alternatives);
  }

  void add(const Step& step) {
    if (out_.options.size() < most_options) {
      out_.options.push_back({step.changes, step.plan, tps_of(step), false});
    }
  }

  void lighter() {
    const Ladder steps = ladder_of(all_alternatives());
    if (steps.asked.verdict == Verdict::comfortable) {
      out_.notes.emplace_back("the model is not what fills the memory: close other programs first");
      return;
    }
    for (const Step& step : steps.steps) {
      if (step.plan.verdict == Verdict::comfortable && fast_enough(tps_of(step))) add(step);
    }
    if (out_.options.empty()) {
      out_.notes.emplace_back("no step of the ladder frees enough");
    }
  }

  /// The largest that is fast enough: a quantization and a relative. A model that is too hot is
  /// relieved by fewer bytes per token, so anything faster than now counts.
  void faster() {
    auto alternatives = all_alternatives();
    std::erase_if(alternatives, [&](const Alternative& each) {
      return each.at_least >= inputs_.model.tensors.total();
    });
    std::ranges::sort(alternatives, [](const Alternative& a, const Alternative& b) {
      return b.at_least < a.at_least;
    });
    const double now = reached_ * tps_of(inputs_.model, now_.footprint);
    for (const Lever lever : {Lever::quantization, Lever::model}) {
      const auto found = std::ranges::find_if(alternatives, [&](const Alternative& each) {
        return each.lever == lever && add_if_faster(each, now);
      });
      if (found == alternatives.end()) {
        out_.notes.push_back(
            fmt::format("no {} is fast enough and fits",
                        lever == Lever::model ? "smaller relative" : "smaller quantization"));
      }
    }
  }

  bool add_if_faster(const Alternative& each, double now) {
    const auto model = each.read();
    Step step;
    step.model = model;
    try {
      step.plan = plan(*model, machine_, inputs_.runtime, inputs_.workload);
    } catch (const Error&) {
      return false;  // The engine refuses the workload for this one.
    }
    const double tps = tps_of(step);
    if (!fits(step.plan.verdict) || !fast_enough(tps) || tps <= now) return false;
    step.changes.push_back(
        {each.lever, each.lever == Lever::model ? inputs_.model.id : inputs_.model.quantization,
         each.name, now_.footprint.total() - step.plan.footprint.total()});
    add(step);
    return true;
  }

  const PlanInputs& inputs_;
  const HealthReading& reading_;
  const HealthMeasurements& measured_;
  HealthRules rules_;
  Machine machine_;  // With what other programs were measured to hold.
  Plan now_;
  double reached_ = 1;  // Measured over predicted, of the present model.
  Substitutes out_;
};

}  // namespace

Substitutes substitutes_for(const PlanInputs& inputs, const HealthReading& reading,
                            const HealthMeasurements& measured, HealthAdvice advice,
                            const std::string& fallback, const PlanOptions& options) {
  Search search(inputs, reading, measured, advice);
  Substitutes out = advice == HealthAdvice::downgrade ? search.downgrade() : search.upgrade();
  if (!fallback.empty() && advice == HealthAdvice::downgrade) {
    const Model model = read_model(fallback, {}, inputs.profiles, options.source);
    Substitute last;
    last.plan = plan(model, inputs.machine, inputs.runtime, inputs.workload);
    last.changes.push_back({Lever::model, inputs.model.id, model.id, Bytes()});
    if (inputs.speed_rules) {
      last.generation_tps =
          speed(model, inputs.machine, last.plan.footprint, *inputs.speed_rules, inputs.speed)
              .generation.tps;
    }
    last.fallback = true;
    out.options.push_back(std::move(last));
  }
  return out;
}
