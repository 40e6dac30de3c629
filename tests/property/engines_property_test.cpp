// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"

// Engines other than llama.cpp, whatever they are.
namespace membudget::engines_property_test {
namespace {

Runtime some_runtime() {
  return profiles().runtime(
      *rc::gen::element<std::string>("candle", "mlc", "mlc-interactive", "mlc-server", "coreml"));
}

Model some_model(const Runtime& runtime) {
  const auto name =
      *rc::gen::element<std::string>("llama-3.1-8b", "qwen2.5-7b", "qwen3-0.6b", "phi-3-mini-4k");
  return profiles().model(name, profiles().nearest_quantization("Q4_K_M", runtime.engine));
}

Workload with_context(std::int64_t context) {
  Workload out;
  out.context = context;
  return out;
}

RC_GTEST_PROP(EnginesProperty, PartsSumToTheTotalAndSomeAreAssumed, ()) {
  const Runtime runtime = some_runtime();
  const auto context = *rc::gen::inRange<std::int64_t>(2, 4097);
  const Footprint made = estimate(some_model(runtime), runtime, with_context(context));
  Bytes sum;
  for (const Part& part : made.parts) {
    RC_ASSERT(part.bytes > Bytes{});
    sum += part.bytes;
  }
  RC_ASSERT(sum == made.total());
  RC_ASSERT(made.assumed());
  RC_ASSERT(!made.remarks.empty());
}

RC_GTEST_PROP(EnginesProperty, MoreContextNeverTakesLess, ()) {
  const Runtime runtime = some_runtime();
  const Model model = some_model(runtime);
  const auto less = *rc::gen::inRange<std::int64_t>(2, 4097);
  const auto more = *rc::gen::inRange<std::int64_t>(less, 4097);
  RC_ASSERT(estimate(model, runtime, with_context(less)).total() <=
            estimate(model, runtime, with_context(more)).total());
}

RC_GTEST_PROP(EnginesProperty, LargestContextFitsAndTheNextStepDoesNot, ()) {
  const Runtime runtime = some_runtime();
  const Model model = some_model(runtime);
  const Machine mac =
      machine(profiles().chip(*rc::gen::element<std::string>("m1-8gb", "m1-16gb", "m1-max-32gb")));
  const std::int64_t largest = max_context(model, mac, runtime, {});
  if (largest > 0) {
    RC_ASSERT(plan(model, mac, runtime, with_context(largest)).headroom >= Bytes{});
  }
  const std::int64_t limit = longest_context(runtime, model);
  const std::int64_t most =
      limit > 0 ? std::min(limit, model.trained_context) : model.trained_context;
  if (largest < most) {
    const std::int64_t next = std::min(largest / 256 * 256 + 256, most);
    RC_ASSERT(plan(model, mac, runtime, with_context(next)).headroom < Bytes{});
  }
}

}  // namespace
}  // namespace membudget::engines_property_test
