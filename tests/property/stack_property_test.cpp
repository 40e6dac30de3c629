// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "membudget/alternatives.hpp"
#include "membudget/stack_members.hpp"
#include "support/embedded.hpp"

namespace membudget::stack_property_test {
namespace {

std::shared_ptr<const Model> model_named(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const Model>> read;
  auto& model = read[name];
  if (model == nullptr) {
    model = std::make_shared<const Model>(profiles().model(name));
  }
  return model;
}

/// A server of any kind, whatever its runtime is called here.
ServerRules some_server(const std::string& name) {
  const ServingRules rules = profiles().serving_rules();
  ServerRules out = rules.servers.at(*rc::gen::inRange<std::size_t>(0, rules.servers.size()));
  out.name = name;
  out.max_loaded = *rc::gen::inRange<std::int64_t>(1, 4);
  out.keep_alive_s = *rc::gen::element<std::int64_t>(-1, 0, 20, 300);
  return out;
}

/// Dense and with experts, generating and embedding; distinct, for Ollama holds a model once.
const std::vector<std::string>& names() {
  static const std::vector<std::string> all{
      "qwen2.5-0.5b", "llama-3.2-1b",      "qwen2.5-7b",           "gemma-3-4b",
      "gpt-oss-20b",  "qwen2.5-coder-32b", "nomic-embed-text-v1.5"};
  return all;
}

StackMember some_member(const std::string& model, const ServerRules& server) {
  StackMember out;
  out.name = model;
  out.model = model_named(model);
  out.runtime =
      profiles().runtime(server.eviction == Eviction::shortest_keep_alive ? "ollama" : "llama.cpp");
  out.server = server;
  out.speed_rules = profiles().speed_rules(out.runtime);
  out.workload.context = *rc::gen::element<std::int64_t>(512, 2048, 16000);
  out.workload.parallel = *rc::gen::element<std::int64_t>(1, 4);
  out.residency = *rc::gen::element(Residency::resident, Residency::on_demand);
  const bool several = !server.one_process_per_model && out.residency == Residency::resident;
  out.count = several ? *rc::gen::inRange<std::int64_t>(1, 4) : 1;
  // As engines with a process of their own will report it.
  if (*rc::gen::arbitrary<bool>()) {
    out.extra.push_back({.name = PartName::runtime,
                         .where = Place::host,
                         .bytes = mib(*rc::gen::inRange<std::int64_t>(1, 900)),
                         .basis = Basis::measured,
                         .note = {},
                         .formula = {}});
  }
  return out;
}

Stack some_stack() {
  Stack out;
  out.machine = machine(profiles().chip(
      *rc::gen::element<std::string>("m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb")));
  if (*rc::gen::arbitrary<bool>()) {
    out.storage = StorageSpeed{.chips = {}, .read_gbs = 3, .source = {}};
  }
  const std::vector<ServerRules> servers{some_server("one"), some_server("two")};
  const auto count = *rc::gen::inRange<std::size_t>(1, 5);
  for (std::size_t i = 0; i < count; ++i) {
    out.members.push_back(
        some_member(names().at(i + *rc::gen::inRange<std::size_t>(0, 3)),
                    servers.at(*rc::gen::inRange<std::size_t>(0, servers.size()))));
    // Whoever comes twice has another name, and a process of its own.
    const auto again = std::count_if(
        out.members.begin(), out.members.end() - 1,
        [&](const StackMember& each) { return each.model == out.members.back().model; });
    if (again > 0) {
      out.members.back().name += std::to_string(again);
      out.members.back().server.one_process_per_model = false;
      out.members.back().server.name = "another " + std::to_string(i);
    }
  }
  return out;
}

RC_GTEST_PROP(StackProperty, AStackOfOneIsItsPlan, ()) {
  Stack stack = some_stack();
  stack.members.resize(1);
  StackMember& member = stack.members.front();
  member.count = 1;
  member.extra.clear();
  const StackPlan whole = plan_stack(stack);
  const Plan alone = plan(*member.model, stack.machine, member.runtime, member.workload);
  for (const Plan* each : {&whole.peak, &whole.all}) {
    RC_ASSERT(each->verdict == alone.verdict);
    RC_ASSERT(each->headroom == alone.headroom);
    RC_ASSERT(each->binding == alone.binding);
    // What a runtime remarks on is said of the member, not of the whole.
    RC_ASSERT(each->reasons.size() <= alone.reasons.size());
    RC_ASSERT(std::equal(each->reasons.begin(), each->reasons.end(), alone.reasons.begin()));
    RC_ASSERT(each->footprint.parts.size() == alone.footprint.parts.size());
    for (std::size_t i = 0; i < alone.footprint.parts.size(); ++i) {
      RC_ASSERT(each->footprint.parts[i].name == alone.footprint.parts[i].name);
      RC_ASSERT(each->footprint.parts[i].where == alone.footprint.parts[i].where);
      RC_ASSERT(each->footprint.parts[i].bytes == alone.footprint.parts[i].bytes);
    }
  }
}

RC_GTEST_PROP(StackProperty, AddingAMemberNeverFreesMemory, ()) {
  Stack stack = some_stack();
  if (stack.members.size() < 2U) {
    return;
  }
  const StackPlan more = plan_stack(stack);
  stack.members.pop_back();
  const StackPlan less = plan_stack(stack);
  RC_ASSERT(more.peak.headroom <= less.peak.headroom);
  RC_ASSERT(more.all.headroom <= less.all.headroom);
  RC_ASSERT(more.peak.verdict >= less.peak.verdict);
  RC_ASSERT(more.idle_total >= less.idle_total);
  RC_ASSERT(more.peak.headroom >= more.all.headroom);
}

RC_GTEST_PROP(StackProperty, OrderDoesNotMatter, ()) {
  Stack stack = some_stack();
  const StackPlan asked = plan_stack(stack);
  std::reverse(stack.members.begin(), stack.members.end());
  std::rotate(stack.members.begin(), stack.members.begin() + 1, stack.members.end());
  const StackPlan turned = plan_stack(stack);
  RC_ASSERT(turned.peak.headroom == asked.peak.headroom);
  RC_ASSERT(turned.peak.verdict == asked.peak.verdict);
  RC_ASSERT(turned.all.footprint.total() == asked.all.footprint.total());
  RC_ASSERT(turned.all.footprint.total(Place::gpu) == asked.all.footprint.total(Place::gpu));
  RC_ASSERT(turned.idle_total == asked.idle_total);
}

RC_GTEST_PROP(StackProperty, WhatCountsOnceAndTheMembersAreTheSum, ()) {
  const Stack stack = some_stack();
  const StackPlan plan = plan_stack(stack);
  Bytes members;
  for (const MemberPlan& each : plan.members) {
    members += each.at_peak ? each.total : Bytes();
  }
  RC_ASSERT(members == plan.peak.footprint.total() + plan.counted_once);
}

RC_GTEST_PROP(StackProperty, TheMostProcessesFitAndOneMoreDoesNot, ()) {
  Stack stack = some_stack();
  const std::size_t last = stack.members.size() - 1;
  stack.members[last].residency = Residency::resident;
  stack.members[last].server.one_process_per_model = false;
  const std::int64_t most = max_count(stack, last);
  stack.members[last].count = most + 1;
  RC_ASSERT(!fits(plan_stack(stack).peak.verdict));
  if (most > 0) {
    stack.members[last].count = most;
    RC_ASSERT(fits(plan_stack(stack).peak.verdict));
  }
}

RC_GTEST_PROP(StackProperty, TheMostSlotsFitAndOneMoreDoesNot, ()) {
  Stack stack = some_stack();
  stack.members.resize(1);
  StackMember& member = stack.members.front();
  RC_PRE(member.model->cached);
  constexpr std::int64_t each = 4096;
  const std::int64_t most = max_parallel(stack, 0, each);
  RC_ASSERT(most <= 256);
  if (most < 256) {
    set_slots(member, most + 1, each);
    RC_ASSERT(!fits(plan_stack(stack).peak.verdict));
  }
  if (most > 0) {
    set_slots(member, most, each);
    RC_ASSERT(fits(plan_stack(stack).peak.verdict));
  }
}

RC_GTEST_PROP(StackProperty, TheScheduleStaysWithinTheBudgetItReports, ()) {
  const Stack stack = some_stack();
  const StackPlan plan = plan_stack(stack);
  std::vector<StackRequest> requests;
  const auto count = *rc::gen::inRange<int>(0, 40);
  for (int i = 0; i < count; ++i) {
    requests.push_back({.at_s = *rc::gen::inRange<int>(0, 400) / 2.0,
                        .member = *rc::gen::inRange<std::size_t>(0, stack.members.size()),
                        .prompt_tokens = *rc::gen::inRange<std::int64_t>(1, 3000),
                        .generate_tokens = *rc::gen::inRange<std::int64_t>(0, 400)});
  }
  const Schedule out = simulate(stack, plan, requests);
  RC_ASSERT(out.peak_gpu <= out.budget.gpu_limit);
  RC_ASSERT(out.peak_total <= out.budget.ram_available);
  RC_ASSERT(out.peak_gpu <= plan.all.footprint.total(Place::gpu));

  // The same, counted again from the events.
  std::vector<bool> loaded(stack.members.size(), false);
  double before = 0;
  Bytes peak;
  std::int64_t evictions = 0;
  std::map<std::string, std::int64_t> on_demand;
  for (const ScheduleEvent& event : out.events) {
    RC_ASSERT(event.at_s >= before);
    before = event.at_s;
    switch (event.kind) {
      case ScheduleEventKind::loading:
        RC_ASSERT(!loaded[event.member]);
        loaded[event.member] = true;
        break;
      case ScheduleEventKind::loaded:
        loaded[event.member] = true;
        break;
      case ScheduleEventKind::evicted:
        ++evictions;
        [[fallthrough]];
      case ScheduleEventKind::expired:
        RC_ASSERT(loaded[event.member]);
        loaded[event.member] = false;
        break;
      case ScheduleEventKind::served:
        RC_ASSERT(loaded[event.member]);
        break;
      case ScheduleEventKind::out_of_memory:
        RC_ASSERT(!loaded[event.member]);
        break;
    }
    Bytes gpu;
    std::map<std::string, std::int64_t> held;
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      const StackMember& member = stack.members[i];
      gpu += loaded[i] ? plan.members[i].gpu : Bytes();
      const bool counts =
          loaded[i] && !(member.server.pins_resident && member.residency == Residency::resident);
      held[member.server.name] += counts ? 1 : 0;
      RC_ASSERT(held[member.server.name] <= member.server.max_loaded);
    }
    RC_ASSERT(gpu == event.gpu);
    peak = std::max(peak, gpu);
  }
  RC_ASSERT(peak == out.peak_gpu);
  RC_ASSERT(evictions == out.evictions);

  RC_ASSERT(out.outcomes.size() == requests.size());
  std::int64_t failed = 0;
  for (const RequestOutcome& each : out.outcomes) {
    failed += each.failed ? 1 : 0;
    RC_ASSERT(each.waited_s >= 0);
    RC_ASSERT(each.finished_s >= each.request.at_s);
  }
  RC_ASSERT(failed == out.failed);
}

RC_GTEST_PROP(StackProperty, StepsSaveWhatTheySay, ()) {
  const Stack stack = some_stack();
  const StackPlan asked = plan_stack(stack);
  const AdviceRules rules = profiles().advice_rules();
  std::vector<std::vector<Alternative>> alternatives;
  for (const StackMember& member : stack.members) {
    alternatives.push_back(quantizations_of(*member.model, profiles(), rules.finer_to_coarser));
  }
  const StackLadder out = ladder(stack, rules, profiles().quality_table(), alternatives);
  RC_ASSERT(asked.peak.verdict != Verdict::comfortable || out.singles.empty());
  const auto with = [](Stack changed, const StackStep& step) {
    StackMember& member = changed.members[step.member];
    member.workload = step.workload;
    member.model = step.model == nullptr ? member.model : step.model;
    return changed;
  };
  for (std::size_t i = 0; i < std::min<std::size_t>(out.singles.size(), 4); ++i) {
    const StackStep& step = out.singles[i];
    const StackPlan then = plan_stack(with(stack, step));
    RC_ASSERT(then.peak.headroom == step.plan.headroom);
    RC_ASSERT(then.peak.headroom > asked.peak.headroom);
    RC_ASSERT(then.peak.verdict == step.plan.verdict);
  }
  Stack changed = stack;
  for (const StackStep& step : out.together) {
    changed = with(std::move(changed), step);
    RC_ASSERT(plan_stack(changed).peak.headroom == step.plan.headroom);
  }
}

}  // namespace
}  // namespace membudget::stack_property_test
