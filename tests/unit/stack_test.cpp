// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/stack_members.hpp"
#include "support/embedded.hpp"
#include "support/refusal.hpp"

namespace membudget::stack_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ServerRules server(const std::string& name) {
  for (const ServerRules& each : profiles().serving_rules().servers) {
    if (each.name == name) {
      return each;
    }
  }
  ADD_FAILURE() << name;
  return {};
}

StackMember member(const std::string& model, const ServerRules& rules,
                   Residency residency = Residency::on_demand) {
  StackMember out;
  out.name = model;
  out.model = std::make_shared<const Model>(profiles().model(model));
  out.runtime = profiles().runtime(rules.name == "Ollama" ? "ollama" : "llama.cpp");
  out.server = rules;
  if (out.runtime.ollama) {
    out.server.max_loaded = out.runtime.ollama->loaded_models;
  }
  out.residency = residency;
  out.workload.context = 4096;
  out.workload.parallel = 1;
  out.speed_rules = profiles().speed_rules(out.runtime);
  return out;
}

Stack stack_on(const std::string& chip, std::vector<StackMember> members) {
  Stack out;
  out.machine = machine(profiles().chip(chip));
  out.members = std::move(members);
  return out;
}

Part program(std::int64_t mebibytes) {
  return {.name = PartName::runtime,
          .where = Place::host,
          .bytes = mib(mebibytes),
          .basis = Basis::measured,
          .note = {},
          .formula = {}};
}

Schedule run(const Stack& stack, const std::vector<StackRequest>& requests) {
  return simulate(stack, plan_stack(stack), requests);
}

StackRequest ask(double at, std::size_t member, std::int64_t generate = 10) {
  return {.at_s = at, .member = member, .prompt_tokens = 100, .generate_tokens = generate};
}

/// What happened, requests that were served left out: "loading qwen2.5-7b".
std::vector<std::string> told(const Stack& stack, const Schedule& schedule) {
  std::vector<std::string> out;
  for (const ScheduleEvent& event : schedule.events) {
    if (event.kind != ScheduleEventKind::served && event.kind != ScheduleEventKind::loaded) {
      out.push_back(std::string(to_string(event.kind)) + " " + stack.members[event.member].name);
    }
  }
  return out;
}

TEST(Ollama, KeepsThreeModelsAndUnloadsTheShortestKeepAliveFirst) {
  Stack stack =
      stack_on("m4-max-128gb",
               {member("qwen2.5-0.5b", server("Ollama")), member("llama-3.2-1b", server("Ollama")),
                member("gemma-3-1b", server("Ollama")), member("qwen2.5-3b", server("Ollama"))});
  stack.members[1].keep_alive_s = 60;
  const Schedule out = run(stack, {ask(0, 0), ask(10, 1), ask(20, 2), ask(30, 3)});
  EXPECT_THAT(told(stack, out),
              ElementsAre("loading qwen2.5-0.5b", "loading llama-3.2-1b", "loading gemma-3-1b",
                          "evicted llama-3.2-1b", "loading qwen2.5-3b"));
  EXPECT_EQ(out.evictions, 1);
  EXPECT_EQ(out.failed, 0);
}

TEST(Ollama, GoesByNameWhereKeepAlivesAreTheSameNotByUse) {
  Stack stack = stack_on("m4-max-128gb", {member("qwen2.5-3b", server("Ollama")),
                                          member("gemma-3-1b", server("Ollama")),
                                          member("qwen2.5-0.5b", server("Ollama"))});
  for (StackMember& each : stack.members) {
    each.server.max_loaded = 2;
  }
  // qwen2.5-3b was used longest ago, but gemma comes before it in the alphabet.
  const Schedule out = run(stack, {ask(0, 0), ask(10, 1), ask(20, 2)});
  EXPECT_THAT(told(stack, out), ElementsAre("loading qwen2.5-3b", "loading gemma-3-1b",
                                            "evicted gemma-3-1b", "loading qwen2.5-0.5b"));
}

TEST(Ollama, LoadsBesideOthersOnlyWhatItPredictsAtFourFifthsOfWhatIsFree) {
  const Stack stack = stack_on("m1-max-32gb", {member("qwen2.5-7b", server("Ollama")),
                                               member("qwen2.5-coder-32b", server("Ollama"))});
  const Schedule out = run(stack, {ask(0, 0), ask(10, 1)});
  // Together they fit, but 20 GiB are more than 80 % of what a 7B leaves.
  EXPECT_TRUE(fits(plan_stack(stack).all.verdict));
  EXPECT_THAT(told(stack, out),
              ElementsAre("loading qwen2.5-7b", "evicted qwen2.5-7b", "loading qwen2.5-coder-32b"));
  EXPECT_THAT(out.events[3].why, HasSubstr("more than 80 % of"));
}

TEST(Ollama, WaitsForABusyModelAndAnswersMeanwhileWithWhatIsLoaded) {
  Stack stack = stack_on("m4-max-128gb", {member("qwen2.5-7b", server("Ollama")),
                                          member("gemma-3-1b", server("Ollama"))});
  for (StackMember& each : stack.members) {
    each.server.max_loaded = 1;
    each.workload.parallel = 2;
  }
  const Schedule out = run(stack, {ask(0, 0, 2000), ask(1, 1), ask(2, 0)});
  EXPECT_THAT(told(stack, out),
              ElementsAre("loading qwen2.5-7b", "evicted qwen2.5-7b", "loading gemma-3-1b"));
  EXPECT_DOUBLE_EQ(out.outcomes[2].waited_s, 0);
  EXPECT_NEAR(out.outcomes[1].waited_s + 1, out.outcomes[0].finished_s, 1e-6);
}

TEST(Ollama, LetsGoOfWhatNobodyAsksFor) {
  const Stack stack = stack_on("m4-max-128gb", {member("qwen2.5-7b", server("Ollama")),
                                                member("gemma-3-1b", server("Ollama"))});
  const Schedule out = run(stack, {ask(0, 0), ask(400, 1)});
  EXPECT_THAT(told(stack, out),
              ElementsAre("loading qwen2.5-7b", "expired qwen2.5-7b", "loading gemma-3-1b"));
  EXPECT_NEAR(out.events[3].at_s, 300 + out.outcomes[0].finished_s, 1e-6);
}

TEST(Ollama, FailsWhatTheMachineHasNoMemoryForBecauseItDoesNotSeeOtherServers) {
  Stack stack = stack_on("m1-max-32gb", {member("qwen2.5-14b", server("Ollama")),
                                         member("gemma-3-27b", server("LM Studio")),
                                         member("gemma-3-1b", server("Ollama"))});
  stack.members[1].residency = Residency::resident;
  const Schedule out = run(stack, {ask(0, 2), ask(10, 0)});
  EXPECT_THAT(told(stack, out),
              ElementsAre("loading gemma-3-1b", "evicted gemma-3-1b", "out-of-memory qwen2.5-14b"));
  EXPECT_EQ(out.failed, 1);
  EXPECT_FALSE(out.outcomes[0].failed);
  EXPECT_TRUE(out.outcomes[1].failed);
  EXPECT_LE(out.peak_gpu, out.budget.gpu_limit);
}

TEST(Ollama, DoesNotStartWithModelsThatItWouldNotPutBesideEachOther) {
  const Stack stack =
      stack_on("m1-max-32gb", {member("qwen2.5-7b", server("Ollama"), Residency::resident),
                               member("qwen2.5-coder-32b", server("Ollama"), Residency::resident)});
  const StackPlan plan = plan_stack(stack);
  EXPECT_TRUE(fits(plan.peak.verdict));
  EXPECT_THAT(plan.notes, testing::Contains(HasSubstr(
                              "Ollama unloads another model before it loads qwen2.5-coder-32b")));
  const std::vector<StackRequest> requests{ask(10, 1), ask(100, 0)};
  EXPECT_THAT(told(stack, simulate(stack, plan, requests)),
              ElementsAre("evicted qwen2.5-7b", "loading qwen2.5-coder-32b",
                          "evicted qwen2.5-coder-32b", "loading qwen2.5-7b"));
}

TEST(Ollama, HoldsAModelOnce) {
  Stack stack = stack_on("m4-max-128gb", {member("qwen2.5-0.5b", server("Ollama"))});
  stack.members[0].count = 2;
  test::expect_refusal(test::error_of([&] { return plan_stack(stack); }), Errc::bad_request,
                       "qwen2.5-0.5b", "holds a model once, not 2 times");
  stack.members[0].count = 1;
  EXPECT_EQ(max_count(stack, 0), 1);
  stack.members.push_back(stack.members[0]);
  stack.members[1].name = "again";
  test::expect_refusal(test::error_of([&] { return plan_stack(stack); }), Errc::bad_request,
                       "again", "'qwen2.5-0.5b' is the same");
}

TEST(LmStudio, ReplacesWhatItLoadedOnDemandAndKeepsWhatWasLoadedByHand) {
  const Stack stack =
      stack_on("m4-max-128gb", {member("qwen2.5-7b", server("LM Studio"), Residency::resident),
                                member("gemma-3-1b", server("LM Studio")),
                                member("qwen2.5-3b", server("LM Studio"))});
  const Schedule out = run(stack, {ask(0, 1), ask(10, 2), ask(20, 0)});
  EXPECT_THAT(told(stack, out),
              ElementsAre("loading gemma-3-1b", "evicted gemma-3-1b", "loading qwen2.5-3b"));
}

TEST(Schedule, SharesTheMachineEvenlyAndServesASlotAtATime) {
  const Stack two = stack_on("m4-max-128gb",
                             {member("qwen2.5-7b", server("llama-server"), Residency::resident),
                              member("llama-3.1-8b", server("llama-server"), Residency::resident)});
  const double alone = run(two, {ask(0, 0, 500)}).outcomes[0].finished_s;
  const Schedule both = run(two, {ask(0, 0, 500), ask(0, 1, 5000)});
  EXPECT_NEAR(both.outcomes[0].finished_s, 2 * alone, 1e-6);
  // One slot: the second request starts when the first is done.
  const Schedule queued = run(two, {ask(0, 0, 500), ask(0, 0, 500)});
  EXPECT_NEAR(queued.outcomes[1].waited_s, alone, 1e-6);
  EXPECT_NEAR(queued.end_s, 2 * alone, 1e-6);
}

TEST(Schedule, LoadsAtTheSpeedOfTheSsd) {
  Stack stack = stack_on("m4-max-128gb", {member("qwen2.5-7b", server("Ollama"))});
  stack.storage = StorageSpeed{.chips = {}, .read_gbs = 2, .source = {}};
  const StackPlan plan = plan_stack(stack);
  const double seconds =
      static_cast<double>(plan.members[0].one.total(PartName::weights).count()) / 2e9;
  EXPECT_DOUBLE_EQ(*plan.members[0].load_s, seconds);
  const std::vector<StackRequest> requests{ask(3, 0)};
  const Schedule out = simulate(stack, plan, requests);
  EXPECT_DOUBLE_EQ(out.outcomes[0].waited_s, seconds);
  EXPECT_DOUBLE_EQ(out.loading_s, seconds);
}

TEST(Stack, CountsAProgramOnceAndAProcessEachTime) {
  Stack stack =
      stack_on("m4-max-128gb", {member("qwen2.5-0.5b", server("LM Studio"), Residency::resident),
                                member("qwen2.5-3b", server("LM Studio"), Residency::resident)});
  stack.members[0].extra = {program(300)};
  stack.members[1].extra = {program(500)};
  EXPECT_EQ(plan_stack(stack).peak.footprint.total(PartName::runtime), mib(500));
  EXPECT_EQ(plan_stack(stack).counted_once, mib(300));
  for (StackMember& each : stack.members) {
    each.server = server("llama-server");
  }
  EXPECT_EQ(plan_stack(stack).peak.footprint.total(PartName::runtime), mib(800));
  stack.members[0].count = 3;
  EXPECT_EQ(plan_stack(stack).peak.footprint.total(PartName::runtime), mib(1400));
}

TEST(Stack, CountsOnDemandModelsByWhatTheirServerKeeps) {
  Stack stack = stack_on("m4-max-128gb", {member("qwen2.5-0.5b", server("llama-server")),
                                          member("qwen2.5-3b", server("llama-server")),
                                          member("qwen2.5-7b", server("llama-server"))});
  for (StackMember& each : stack.members) {
    each.server.max_loaded = 2;
  }
  const StackPlan plan = plan_stack(stack);
  EXPECT_EQ(plan.peak.footprint.total(), plan.members[1].total + plan.members[2].total);
  EXPECT_EQ(plan.all.footprint.total(), plan.peak.footprint.total() + plan.members[0].total);
  EXPECT_FALSE(plan.members[0].at_peak);
  EXPECT_EQ(plan.busy, 2);
  EXPECT_DOUBLE_EQ(plan.members[2].shared_tps, plan.members[2].alone->generation.tps / 2);
}

TEST(ReadyStack, LooksUpAndIsAsItsFileSays) {
  const auto read = [](const std::string& name, const std::string& quantization) {
    return profiles().model(name, quantization);
  };
  for (const std::string& id : profiles().ids(ProfileKind::stack)) {
    SCOPED_TRACE(id);
    const StackProfile profile = profiles().stack(id);
    const Stack stack = stack_of(profile, machine(profiles().chip(profile.chip)), profiles(), read);
    ASSERT_EQ(stack.members.size(), profile.members.size());
    EXPECT_FALSE(profile.claims.empty());
    EXPECT_TRUE(stack.storage);
    EXPECT_TRUE(fits(plan_stack(stack).peak.verdict));
    EXPECT_EQ(requests_of(profile).empty(), profile.requests.empty());
  }
}

TEST(ServingRules, KnowNothingOfOtherRuntimesAndChips) {
  const ServingRules rules = profiles().serving_rules();
  EXPECT_EQ(rules.server("candle").name, "candle");
  EXPECT_EQ(rules.server("ollama").name, "Ollama");
  EXPECT_EQ(rules.storage_of("Apple A0"), nullptr);
  ASSERT_NE(rules.storage_of("Apple M1 Max"), nullptr);
}

}  // namespace
}  // namespace membudget::stack_test
