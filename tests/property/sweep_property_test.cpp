// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "membudget/sweep.hpp"
#include "membudget/sweep_report.hpp"

namespace membudget::sweep_property_test {
namespace {

const Profiles& swept_profiles() {
  static const Profiles embedded = Profiles::embedded();
  return embedded;
}

SweepSubject some_subject() {
  SweepSubject out;
  const auto runtime =
      *rc::gen::element<std::string>("llama.cpp", "llama-cli", "ollama", "lmstudio", "mlx");
  const auto model =
      *rc::gen::element<std::string>("llama-3.2-1b", "qwen2.5-7b", "qwen3-0.6b", "mistral-7b-v0.3");
  const auto quantization = runtime == "mlx" ? *rc::gen::element<std::string>("4bit", "8bit")
                                             : *rc::gen::element<std::string>("Q4_K_M", "Q8_0");
  out.model = std::make_shared<const Model>(swept_profiles().model(model, quantization));
  out.quantization = quantization;
  out.machine = machine(swept_profiles().chip(
      *rc::gen::element<std::string>("m1-8gb", "m1-16gb", "m1-max-32gb", "m4-max-128gb")));
  out.runtime = swept_profiles().runtime(runtime);
  out.speed_rules = swept_profiles().speed_rules(out.runtime);
  return out;
}

SweepRequest some_sweep_request() {
  SweepRequest out;
  const auto count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) out.subjects.push_back(some_subject());
  for (const auto type : {ElementType::f16, ElementType::q8_0, ElementType::q4_0}) {
    if (*rc::gen::arbitrary<bool>()) out.cache_types.push_back({.k = type, .v = type});
  }
  const auto first = *rc::gen::inRange<std::int64_t>(256, 5000);
  for (std::int64_t context = first; context < 140000; context *= 3)
    out.contexts.push_back(context);
  return out;
}

/// The plan of one row, made without the sweep.
Plan plan_of_row(const SweepSubject& subject, const CacheTypes& types, std::int64_t context) {
  Workload workload;
  workload.context = context;
  if (subject.runtime.engine != Engine::mlx) {
    workload.cache_type_k = types.k;
    workload.cache_type_v = types.v;
  } else if (types.k) {
    workload.kv_bits = *types.k == ElementType::f16 ? 0 : *types.k == ElementType::q8_0 ? 8 : 4;
  }
  return plan(*subject.model, subject.machine, subject.runtime, workload);
}

void assert_equal(const PlanFigures& figures, const Plan& made, const SweepSubject& subject) {
  RC_ASSERT(figures.parts.size() == made.footprint.parts.size());
  for (std::size_t i = 0; i < figures.parts.size(); ++i) {
    RC_ASSERT(figures.parts[i].name == made.footprint.parts[i].name);
    RC_ASSERT(figures.parts[i].where == made.footprint.parts[i].where);
    RC_ASSERT(figures.parts[i].bytes == made.footprint.parts[i].bytes);
    RC_ASSERT(figures.parts[i].basis == made.footprint.parts[i].basis);
  }
  RC_ASSERT(figures.context == made.footprint.settings.context);
  RC_ASSERT(figures.gpu == made.footprint.total(Place::gpu));
  RC_ASSERT(figures.total() == made.footprint.total());
  RC_ASSERT(figures.peak == made.footprint.peak);
  RC_ASSERT(figures.binding == made.binding);
  RC_ASSERT(figures.headroom == made.headroom);
  RC_ASSERT(figures.verdict == made.verdict);
  RC_ASSERT(figures.speed.has_value() == subject.speed_rules.has_value());
  if (figures.speed) {
    const Speed rate =
        speed(*subject.model, subject.machine, made.footprint, *subject.speed_rules, subject.speed);
    RC_ASSERT(figures.speed->generation.tps == rate.generation.tps);
    RC_ASSERT(figures.speed->prompt.tps == rate.prompt.tps);
  }
}

RC_GTEST_PROP(SweepProperty, EveryRowIsThePlanOfItsSettings, ()) {
  const SweepRequest request = some_sweep_request();
  const Sweep out = sweep(request);
  const auto types = request.cache_types.empty() ? std::vector<CacheTypes>(1) : request.cache_types;
  RC_ASSERT(out.series.size() == request.subjects.size() * types.size());
  for (std::size_t i = 0; i < out.series.size(); ++i) {
    const SweepSubject& subject = request.subjects[i / types.size()];
    const CacheTypes& type = types[i % types.size()];
    const SweepSeries& series = out.series[i];
    for (const SweepPoint& point : series.points) {
      try {
        const Plan made = plan_of_row(subject, type, point.asked);
        RC_ASSERT(point.plan.has_value());
        assert_equal(*point.plan, made, subject);
        RC_ASSERT(series.gpu_limit == made.budget.gpu_limit);
        RC_ASSERT(series.ram_available == made.budget.ram_available);
        RC_ASSERT(series.safety_margin == made.budget.safety_margin);
      } catch (const Error& error) {
        RC_ASSERT(!point.plan.has_value());
        RC_ASSERT(!point.refusal.empty());
        RC_ASSERT(std::string(error.what()).ends_with(point.refusal));
      }
    }
    if (series.at_max) {
      RC_ASSERT(fits(series.at_max->verdict));
      assert_equal(*series.at_max, plan_of_row(subject, type, series.max_context), subject);
    }
  }
}

RC_GTEST_PROP(SweepProperty, ThreadsDoNotMatter, ()) {
  const SweepRequest request = some_sweep_request();
  const auto alone = to_json(sweep(request, 1));
  RC_ASSERT(to_json(sweep(request, 2)) == alone);
  RC_ASSERT(to_json(sweep(request, 7)) == alone);
}

RC_GTEST_PROP(SweepProperty, AxesAscendAndHoldTheirEnds, ()) {
  const auto first = *rc::gen::inRange<std::int64_t>(1, 100000);
  const auto last = first + *rc::gen::inRange<std::int64_t>(0, 1000000);
  const auto step = *rc::gen::inRange<std::int64_t>(0, 100000) + (last - first) / 1000 + 1;
  const auto range = fmt::format("{}..{}", first, last);
  for (const auto& text : {range, fmt::format("{}+{}", range, step)}) {
    const auto axis = context_axis(text, 0, "--ctx");
    RC_ASSERT(axis.front() == first);
    RC_ASSERT(axis.back() == last);
    RC_ASSERT(std::ranges::is_sorted(axis, std::less_equal<>()));
  }
}

}  // namespace
}  // namespace membudget::sweep_property_test
