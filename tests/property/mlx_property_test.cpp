// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <iterator>
#include <map>
#include <string>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "membudget/settings.hpp"
#include "support/embedded.hpp"
#include "support/settings_reader.hpp"

namespace membudget::mlx_property_test {
namespace {

// Whole caches, windows, shared ones, latents both ways, states of three kinds.
const Model& some_model() {
  static const std::map<std::string, Model> models = [] {
    std::map<std::string, Model> out;
    for (const char* name :
         {"llama-3.2-3b", "qwen3-4b", "gemma-3-4b", "gemma-4-e2b", "gemma-2-2b", "qwen3.6-27b",
          "deepseek-v2-lite", "deepseek-v3-671b", "granite-4.0-h-tiny", "lfm2-1.2b", "mamba-130m",
          "gpt-oss-20b", "llama-4-scout-17b-16e", "falcon-h1-1.5b", "rwkv7-0.1b"}) {
      try {
        out.emplace(name, profiles().model(name, "4bit"));
      } catch (const Error& error) {
        if (error.code() != Errc::unknown_name) throw;
      }
    }
    return out;
  }();
  const auto index = *rc::gen::inRange<std::size_t>(0, models.size());
  return std::next(models.begin(), static_cast<std::ptrdiff_t>(index))->second;
}

Workload some_workload() {
  Workload out;
  out.prompt_tokens = *rc::gen::inRange<std::int64_t>(1, 150'000);
  out.generate_tokens = *rc::gen::inRange<std::int64_t>(1, 5'000);
  out.prefill_step = *rc::gen::element<std::int64_t>(1, 256, 512, 2048, 8192);
  out.parallel = *rc::gen::element<std::int64_t>(1, 1, 2, 8);
  out.kv_bits = *rc::gen::element<std::int64_t>(0, 0, 0, 4, 8);
  out.buffer_ops = *rc::gen::element<std::int64_t>(0, 40, 50);
  if (*rc::gen::arbitrary<bool>()) out.depth = *rc::gen::inRange<std::int64_t>(0, 50'000);
  return out;
}

Footprint made(const Model& model, const Workload& workload) {
  try {
    return estimate(model, profiles().runtime("mlx"), workload);
  } catch (const Error&) {
    RC_DISCARD("what mlx-lm refuses");
  }
}

RC_GTEST_PROP(MlxProperty, PartsSumToThePeakAndTheTotal, ()) {
  const Footprint footprint = made(some_model(), some_workload());
  Bytes gpu;
  Bytes all;
  for (const Part& part : footprint.parts) {
    RC_ASSERT(part.bytes > Bytes());
    RC_ASSERT(!part.formula.empty());
    all += part.bytes;
    if (part.where == Place::gpu) gpu += part.bytes;
  }
  RC_ASSERT(footprint.peak.value() == gpu);
  RC_ASSERT(footprint.total() == all);
}

RC_GTEST_PROP(MlxProperty, LongerPromptsNeverTakeLess, ()) {
  const Model& model = some_model();
  Workload workload = some_workload();
  const Footprint shorter = made(model, workload);
  *workload.prompt_tokens += *rc::gen::inRange<std::int64_t>(0, 30'000);
  RC_ASSERT(made(model, workload).peak.value() >= shorter.peak.value());
}

RC_GTEST_PROP(MlxProperty, LongerAnswersNeverTakeLess, ()) {
  const Model& model = some_model();
  Workload workload = some_workload();
  const Footprint shorter = made(model, workload);
  *workload.generate_tokens += *rc::gen::inRange<std::int64_t>(0, 30'000);
  RC_ASSERT(made(model, workload).peak.value() >= shorter.peak.value());
}

RC_GTEST_PROP(MlxProperty, TheLargestContextFitsAndTheNextDoesNot, ()) {
  const Model& model = some_model();
  const Machine machine = membudget::machine(
      profiles().chip(*rc::gen::element<std::string>("m1-8gb", "m1-16gb", "m4-max-36gb")));
  const Runtime runtime = profiles().runtime("mlx");
  Workload workload;
  workload.prefill_step = *rc::gen::element<std::int64_t>(256, 2048);
  const std::int64_t tokens = max_context(model, machine, runtime, workload);
  const auto room = [&](std::int64_t context) {
    workload.context = context;
    return plan(model, machine, runtime, workload).headroom;
  };
  if (tokens > 0) RC_ASSERT(room(tokens) >= Bytes());
  if (tokens < model.trained_context) RC_ASSERT(room(tokens + 256) < Bytes());
}

// A server reads prompts of any length; that of the plan then takes what was planned.
RC_GTEST_PROP(MlxProperty, TheServersCommandDoesWhatWasPlanned, ()) {
  PlannedRun run;
  run.model = some_model();
  run.machine = machine(profiles().chip("m4-max-128gb"));
  run.server = profiles().runtime("llama.cpp");
  run.engine = Engine::mlx;
  run.workload = some_workload();
  run.workload.kv_bits = 0;
  run.workload.buffer_ops = std::nullopt;
  const Runtime runtime = profiles().runtime("mlx");
  run.plan = plan(run.model, run.machine, runtime, run.workload);
  const auto commands = test::shell_commands(runtime_commands(run).mlx);
  RC_ASSERT(commands.size() == 1U);
  Workload read = test::read_mlx_server(commands.front());
  read.depth = run.workload.depth;
  read.prompt_tokens = run.workload.prompt_tokens;
  read.generate_tokens = run.workload.generate_tokens;
  const Plan again = plan(run.model, run.machine, runtime, read);
  RC_ASSERT(again.footprint.total() == run.plan.footprint.total());
  RC_ASSERT(again.footprint.settings.prefill_step == run.plan.footprint.settings.prefill_step);
  RC_ASSERT(again.footprint.settings.parallel == run.plan.footprint.settings.parallel);
}

}  // namespace
}  // namespace membudget::mlx_property_test
