// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "membudget/alternatives.hpp"
#include "membudget/error.hpp"
#include "support/embedded.hpp"

namespace membudget::advice_property_test {
namespace {

const AdviceRules& rules() {
  static const AdviceRules all = profiles().advice_rules();
  return all;
}

// Dense and with experts, with windows and with few layers; too large for some Macs.
Model some_model() {
  return profiles().model(*rc::gen::element<std::string>("qwen2.5-7b", "qwen2.5-coder-32b",
                                                         "gpt-oss-20b", "gemma-3-12b",
                                                         "mixtral-8x7b", "llama-3.2-1b"));
}

Machine some_machine() {
  return machine(profiles().chip(
      *rc::gen::element<std::string>("m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb")));
}

Workload some_workload() {
  Workload out;
  out.context = *rc::gen::inRange<std::int64_t>(512, 40000);
  out.ubatch = *rc::gen::element<std::int64_t>(256, 512, 2048);
  out.cache_type_k = out.cache_type_v = *rc::gen::element(ElementType::f16, ElementType::q8_0);
  return out;
}

struct Case {
  Model model = some_model();
  Machine mac = some_machine();
  Runtime runtime = profiles().runtime("llama.cpp");
  Workload workload = some_workload();

  [[nodiscard]] Ladder climb() const {
    auto alternatives = quantizations_of(model, profiles(), rules().finer_to_coarser);
    auto relatives = relatives_of(model, profiles());
    std::move(relatives.begin(), relatives.end(), std::back_inserter(alternatives));
    return ladder(model, mac, runtime, workload, rules(), profiles().quality_table(), alternatives);
  }
};

/// The plan of a step, made again from what the step says.
Plan planned_again(const Step& step, const Case& test) {
  Machine mac = test.mac;
  mac.wired_limit_mib = step.wired_limit_mib;
  return plan(step.model == nullptr ? test.model : *step.model, mac, test.runtime, step.workload);
}

RC_GTEST_PROP(LadderProperty, SavingsAreTheDifferenceOfTwoPlans, ()) {
  const Case test;
  const Ladder out = test.climb();
  const Plan asked = plan(test.model, test.mac, test.runtime, test.workload);
  RC_ASSERT(out.asked.headroom == asked.headroom);
  for (const auto* steps : {&out.steps, &out.affordable}) {
    for (const Step& step : *steps) {
      const Plan changed = planned_again(step, test);
      RC_ASSERT(changed.verdict == step.plan.verdict);
      RC_ASSERT(step.saves_gpu ==
                asked.footprint.total(Place::gpu) - changed.footprint.total(Place::gpu));
      RC_ASSERT(step.saves_total == asked.footprint.total() - changed.footprint.total());
    }
  }
  for (const Step& step : out.steps) {
    Bytes sum;
    for (const Change& change : step.changes) {
      sum += change.saves;
    }
    RC_ASSERT(sum == step.saves(asked.binding));
    RC_ASSERT(step.plan.headroom > asked.headroom);
  }
}

RC_GTEST_PROP(LadderProperty, LeastRegretComesFirstAndComfortHasNoLadder, ()) {
  const Case test;
  const Ladder out = test.climb();
  RC_ASSERT(out.steps.empty() || out.asked.verdict != Verdict::comfortable);
  RC_ASSERT(out.affordable.empty() || out.asked.verdict == Verdict::comfortable);
  const auto reaches = [&](const Step& step) {
    return fits(step.plan.verdict) && step.plan.verdict < out.asked.verdict;
  };
  RC_ASSERT(std::is_partitioned(out.steps.begin(), out.steps.end(), reaches));
  const auto points = [](const Step& step) { return step.regret; };
  for (std::size_t i = 1; i < out.steps.size(); ++i) {
    if (reaches(out.steps[i - 1]) == reaches(out.steps[i])) {
      RC_ASSERT(points(out.steps[i - 1]) <= points(out.steps[i]));
    }
  }
  for (const Step& step : out.affordable) {
    RC_ASSERT(step.plan.verdict == Verdict::comfortable);
  }
}

RC_GTEST_PROP(LadderProperty, NoChangeIsListedTwiceAndNoneWhereMemoryIsLeft, ()) {
  const Case test;
  const Ladder out = test.climb();
  if (fits(out.asked.verdict) && out.asked.headroom >= out.asked.budget.safety_margin) {
    RC_ASSERT(out.steps.empty());
  }
  std::vector<std::vector<std::pair<Lever, std::string>>> seen;
  for (const Step& step : out.steps) {
    std::vector<std::pair<Lever, std::string>> changes;
    for (const Change& change : step.changes) {
      changes.emplace_back(change.lever, change.to);
    }
    RC_ASSERT(std::ranges::find(seen, changes) == seen.end());
    seen.push_back(std::move(changes));
  }
}

// Ollama has no setting for experts on the CPU, the programs around llama.cpp none for a batch.
RC_GTEST_PROP(LadderProperty, NoRuntimeIsAskedForWhatItHasNoSettingFor, ()) {
  Case test;
  test.runtime =
      profiles().runtime(*rc::gen::element<std::string>("ollama", "lmstudio", "docker-ollama"));
  const std::int64_t context = *test.workload.context;
  test.workload = Workload();
  test.workload.context = context;
  const Plan asked = plan(test.model, test.mac, test.runtime, test.workload);
  RC_ASSERT(test.climb().asked.headroom == asked.headroom);
}

// Ollama's files of Gemma 3 hold its vision tower too.
TEST(Alternatives, AreFilesOfTheSamePublisher) {
  const auto size = [](const Model& model) { return model.tensors.total() + model.beside; };
  const Model model = profiles().model("gemma3:12b");
  ASSERT_GT(size(model), size(profiles().model(model.id)));
  const std::vector<std::string> names{"Q3_K_M"};
  const auto others = quantizations_of(model, profiles(), names);
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(size(*others.front().read()), size(profiles().model("gemma3:12b", "Q3_K_M")));
}

RC_GTEST_PROP(LadderProperty, MoreContextNeverFitsBetter, ()) {
  Case test;
  const Plan less = plan(test.model, test.mac, test.runtime, test.workload);
  test.workload.context = *test.workload.context + *rc::gen::inRange<std::int64_t>(0, 30000);
  const Plan more = plan(test.model, test.mac, test.runtime, test.workload);
  RC_ASSERT(more.verdict >= less.verdict);
  RC_ASSERT(more.headroom <= less.headroom);
}

RC_GTEST_PROP(RecommendProperty, FitsAndNothingListedBeforeItDoesAsWell, ()) {
  const std::string id = some_model().id;
  const Machine mac = some_machine();
  const Runtime runtime = profiles().runtime("llama.cpp");
  const std::string task = *rc::gen::element<std::string>("", "chat", "code", "math", "exact");
  const auto all = recommendable(id, profiles(), rules());
  const Recommendation out = recommend(mac, runtime, {}, rules(), task, all);
  RC_PRE(out.model != nullptr);
  const Plan again = plan(*out.model, mac, runtime, out.workload);
  RC_ASSERT(fits(again.verdict));
  RC_ASSERT(again.headroom == out.plan.headroom);
  RC_ASSERT(!out.considered.empty());
  RC_ASSERT(out.considered.back().why_not.empty());
  for (auto each = out.considered.begin(); each + 1 != out.considered.end(); ++each) {
    RC_ASSERT(!each->why_not.empty());
    Workload workload;
    workload.context = each->context;
    workload.cache_type_k = workload.cache_type_v = each->cache_type;
    const Plan listed = plan(profiles().model(id, each->quantization), mac, runtime, workload);
    // What is preferred was turned down because it does not fit, or only more tightly.
    RC_ASSERT(!fits(listed.verdict) || listed.verdict > again.verdict ||
              each->context < *out.workload.context);
  }
}

RC_GTEST_PROP(MaxContextProperty, LeavesTheHeadroomThatIsWanted, ()) {
  const Case test;
  const Bytes wanted = mib(*rc::gen::inRange<std::int64_t>(0, 4096));
  const std::int64_t tokens =
      max_context(test.model, test.mac, test.runtime, test.workload, wanted);
  RC_ASSERT(tokens <= max_context(test.model, test.mac, test.runtime, test.workload));
  RC_PRE(tokens > 0);
  Workload workload = test.workload;
  workload.context = tokens;
  RC_ASSERT(plan(test.model, test.mac, test.runtime, workload).headroom >= wanted);
}

}  // namespace
}  // namespace membudget::advice_property_test
