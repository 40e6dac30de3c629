// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"

namespace membudget::plan_property_test {
namespace {

// Small and large, tied and not, one of each attention geometry.
Model some_model() {
  const auto name = *rc::gen::element<std::string>("llama-3.2-1b", "qwen2.5-7b", "qwen3-0.6b",
                                                   "phi-3-mini-4k", "mistral-7b-v0.3");
  const auto quantization = *rc::gen::element<std::string>("Q4_K_M", "Q8_0", "F16");
  return profiles().model(name, quantization);
}

Machine some_machine() {
  return machine(profiles().chip(
      *rc::gen::element<std::string>("m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb")));
}

Workload some_workload() {
  Workload workload;
  workload.context = *rc::gen::inRange<std::int64_t>(1, 40000);
  workload.ubatch = *rc::gen::element<std::int64_t>(1, 64, 512, 2048);
  workload.parallel = *rc::gen::element<std::int64_t>(1, 2, 4);
  workload.kv_unified = *rc::gen::arbitrary<bool>();
  workload.flash_attention = *rc::gen::element(FlashAttention::on, FlashAttention::automatic);
  workload.cache_type_k = workload.cache_type_v =
      *rc::gen::element(ElementType::f16, ElementType::q8_0, ElementType::q4_0);
  return workload;
}

Runtime some_runtime() {
  return profiles().runtime(
      *rc::gen::element<std::string>("llama.cpp", "llama-cli", "llama.cpp@b10488"));
}

RC_GTEST_PROP(PlanProperty, PartsSumToTheTotals, ()) {
  const Plan made = plan(some_model(), some_machine(), some_runtime(), some_workload());
  Bytes gpu;
  Bytes host;
  for (const Part& part : made.footprint.parts) {
    RC_ASSERT(part.bytes > Bytes{});
    (part.where == Place::gpu ? gpu : host) += part.bytes;
  }
  RC_ASSERT(gpu == made.footprint.total(Place::gpu));
  RC_ASSERT(gpu + host == made.footprint.total());
  RC_ASSERT(made.headroom ==
            std::min(made.budget.gpu_limit - gpu, made.budget.ram_available - gpu - host));
}

RC_GTEST_PROP(PlanProperty, MoreContextNeverTakesLess, ()) {
  const Model model = some_model();
  const Runtime runtime = some_runtime();
  Workload workload = some_workload();
  // A context shorter than a batch shortens the batch, and with fewer than 20 tokens a sequence
  // Metal takes another attention kernel, whose scratch is larger (ggml-metal-ops.cpp, b10587).
  workload.context = std::max<std::int64_t>(*workload.context, 256);
  const Bytes less = estimate(model, runtime, workload).total();
  workload.context = *workload.context + *rc::gen::inRange<std::int64_t>(0, 20000);
  RC_ASSERT(estimate(model, runtime, workload).total() >= less);
}

RC_GTEST_PROP(PlanProperty, TheLargestContextFitsAndTheNextStepDoesNot, ()) {
  const Model model = some_model();
  const Machine mac = some_machine();
  const Runtime runtime = some_runtime();
  Workload workload = some_workload();
  const Settings settings = resolve(workload, runtime, model);
  const bool own = !settings.kv_unified && settings.parallel > 1;
  const std::int64_t step = 256 * (own ? settings.parallel : 1);
  const std::int64_t most = model.trained_context * (own ? settings.parallel : 1);

  const std::int64_t tokens = max_context(model, mac, runtime, workload);
  RC_ASSERT(tokens <= most);
  if (tokens > 0) {
    workload.context = tokens;
    RC_ASSERT(fits(plan(model, mac, runtime, workload).verdict));
  }
  if (tokens < most) {
    workload.context = std::min(most, tokens + step);
    RC_ASSERT(!fits(plan(model, mac, runtime, workload).verdict));
  }
}

RC_GTEST_PROP(PlanProperty, EqualInputsGiveEqualPlans, ()) {
  const Model model = some_model();
  const Machine mac = some_machine();
  const Runtime runtime = some_runtime();
  const Workload workload = some_workload();
  const Plan first = plan(model, mac, runtime, workload);
  const Plan second = plan(model, mac, runtime, workload);
  RC_ASSERT(first.headroom == second.headroom);
  RC_ASSERT(first.reasons == second.reasons);
}

// A machine where only the CPU computes is bound by its RAM, whatever the model.
RC_GTEST_PROP(PlanProperty, RamAloneBindsWithoutMetal, ()) {
  Machine machine = some_machine();
  machine.metal = false;
  Workload workload = some_workload();
  workload.backend = Backend::cpu;
  const Plan out = plan(some_model(), machine, profiles().runtime("llama.cpp"), workload);
  RC_ASSERT(out.footprint.total(Place::gpu) == Bytes());
  RC_ASSERT(out.binding == Binding::ram);
  RC_ASSERT(out.headroom == out.budget.ram_available - out.footprint.total());
  RC_ASSERT(out.verdict != Verdict::crawls);
  RC_ASSERT(fits(out.verdict) == (out.headroom >= Bytes()));
}

}  // namespace
}  // namespace membudget::plan_property_test
