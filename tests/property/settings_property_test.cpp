// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "membudget/settings.hpp"
#include "support/embedded.hpp"
#include "support/settings_reader.hpp"

namespace membudget::settings_property_test {
namespace {

using test::shell_commands;

// Dense, tied, sliding, with experts and recurrent.
const Model& some_model() {
  static const std::map<std::string, Model> models = [] {
    std::map<std::string, Model> out;
    for (const char* name : {"llama-3.2-1b", "qwen2.5-7b", "gemma-3-1b", "mixtral-8x7b",
                             "granite-4.0-h-350m", "lfm2-1.2b"}) {
      out[name] = profiles().model(name);
    }
    return out;
  }();
  const auto index = *rc::gen::inRange<std::size_t>(0, models.size());
  return std::next(models.begin(), static_cast<std::ptrdiff_t>(index))->second;
}

template <class T>
std::optional<T> maybe(std::vector<T> values) {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return *rc::gen::elementOf(values);
}

/// Settings as people combine them, the engine's defaults as often as not.
Workload some_workload() {
  Workload out;
  out.context = maybe<std::int64_t>({1, 2048, 4096, 8192, 10000, 32768});
  out.batch = maybe<std::int64_t>({64, 512, 2048});
  out.ubatch = maybe<std::int64_t>({64, 512, 1024});
  out.parallel = maybe<std::int64_t>({1, 2, 3, 4});
  out.kv_unified = maybe<bool>({true, false});
  out.cache_type_k = maybe<ElementType>({ElementType::f16, ElementType::q8_0, ElementType::q4_0});
  out.cache_type_v = maybe<ElementType>({ElementType::f16, ElementType::q8_0});
  out.flash_attention = maybe<FlashAttention>({FlashAttention::on, FlashAttention::off});
  out.gpu_layers = maybe<std::int64_t>({-1, 0, 5, 1000});
  out.mmap = maybe<bool>({true, false});
  out.swa_full = maybe<bool>({true});
  out.n_cpu_moe = maybe<std::int64_t>({3});
  out.cpu_moe = maybe<bool>({true});
  out.kv_offload = maybe<bool>({false});
  out.op_offload = maybe<bool>({false});
  if (*rc::gen::arbitrary<bool>()) {
    out.tensor_overrides = {
        {.pattern = "blk\\.[0-3]\\.ffn_(up|down)'$(x)", .buffer = Backend::cpu}};
  }
  return out;
}

PlannedRun some_run() {
  PlannedRun run;
  run.model = some_model();
  run.machine = machine(profiles().chip(
      *rc::gen::element<std::string>("m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb")));
  run.server = profiles().runtime("llama.cpp");
  run.ollama = profiles().runtime("ollama");
  run.lmstudio = profiles().runtime("lmstudio");
  run.workload = some_workload();
  try {
    run.plan = plan(run.model, run.machine, run.server, run.workload);
  } catch (const Error&) {
    RC_DISCARD("settings that the engine refuses");
  }
  return run;
}

/// The settings take what was planned, or a comment says what they take instead.
void must_account_for(const PlannedRun& run, const Workload& workload, const std::string& text) {
  const Footprint footprint = estimate(run.model, run.server, workload);
  const auto said = text.find("# So it takes ");
  if (said == std::string::npos) {
    RC_ASSERT(footprint.total() == run.plan.footprint.total());
    RC_ASSERT(footprint.total(Place::gpu) == run.plan.footprint.total(Place::gpu));
  } else {
    RC_ASSERT(footprint.total() != run.plan.footprint.total() ||
              footprint.total(Place::gpu) != run.plan.footprint.total(Place::gpu));
    RC_ASSERT(text.substr(said).starts_with("# So it takes " + to_text(footprint.total()) + ","));
  }
}

bool refused(const std::string& text) {
  return text.find("# The engine refuses") != std::string::npos;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

RC_GTEST_PROP(SettingsProperty, LlamaServerReadsBackAsThePlannedSettings, ()) {
  const PlannedRun run = some_run();
  const auto commands = shell_commands(runtime_commands(run).llama_server);
  RC_ASSERT(commands.size() == 1U);
  const Settings planned = run.plan.footprint.settings;
  const Settings read = resolve(
      configured(test::read_llama_server(commands[0]), run.server, run.model, run.plan.budget),
      run.server, run.model);
  RC_ASSERT(read.context == planned.context);
  RC_ASSERT(read.batch == planned.batch);
  RC_ASSERT(read.ubatch == planned.ubatch);
  RC_ASSERT(read.parallel == planned.parallel);
  RC_ASSERT(read.cache_type_k == planned.cache_type_k);
  RC_ASSERT(read.cache_type_v == planned.cache_type_v);
  RC_ASSERT(read.flash_attention == planned.flash_attention);
  RC_ASSERT(read.gpu_layers == planned.gpu_layers);
  RC_ASSERT(read.kv_unified == planned.kv_unified);
  RC_ASSERT(read.swa_full == planned.swa_full);
  RC_ASSERT(read.mmap == planned.mmap);
  RC_ASSERT(read.cpu_moe == planned.cpu_moe);
  RC_ASSERT(read.n_cpu_moe == planned.n_cpu_moe);
  RC_ASSERT(read.tensor_overrides == planned.tensor_overrides);
  RC_ASSERT(read.kv_offload == planned.kv_offload);
  RC_ASSERT(read.op_offload == planned.op_offload);
  RC_ASSERT(read.outputs == planned.outputs);
}

RC_GTEST_PROP(SettingsProperty, OllamaTakesWhatWasPlannedOrSaysWhatItTakes, ()) {
  const PlannedRun run = some_run();
  const auto commands = runtime_commands(run);
  std::map<std::string, std::string> app;
  std::map<std::string, std::string> shell;
  for (const auto& words : shell_commands(joined(commands.ollama))) {
    if (words.at(0) == "launchctl") {
      RC_ASSERT(words.at(1) == "setenv");
      app[words.at(2)] = words.at(3);
    } else {
      RC_ASSERT(words.at(0) == "export");
      const auto equals = words.at(1).find('=');
      shell[words.at(1).substr(0, equals)] = words.at(1).substr(equals + 1);
    }
  }
  RC_ASSERT(app == shell);
  RC_PRE(!refused(commands.modelfile));
  const auto modelfile = test::read_modelfile(commands.modelfile);
  const auto workload = test::read_ollama(shell, modelfile, run.model, run.plan.budget);
  must_account_for(run, workload, commands.modelfile);
  must_account_for(run, workload, joined(commands.ollama));
  // The Modelfile alone gives the same context: only what it cannot set comes from the server.
  auto without = shell;
  without.erase("OLLAMA_CONTEXT_LENGTH");
  const auto again = test::read_ollama(without, modelfile, run.model, run.plan.budget);
  RC_ASSERT(again.context == workload.context);
}

RC_GTEST_PROP(SettingsProperty, LmStudioTakesWhatWasPlannedOrSaysWhatItTakes, ()) {
  const PlannedRun run = some_run();
  const auto text = joined(runtime_commands(run).lmstudio);
  RC_PRE(!refused(text));
  std::string json;
  std::vector<std::string> load;
  for (const auto& words : shell_commands(text)) {
    if (words.at(0) == "cat") json = words.back();
    if (words.at(0) == "lms") load = words;
  }
  const auto workload = test::read_lmstudio(json, run.model);
  must_account_for(run, workload, text);
  const auto value = [&](const std::string& option) {
    const auto at = std::ranges::find(load, option);
    return at == load.end() ? "" : *(at + 1);
  };
  RC_ASSERT(value("-c") == std::to_string(*workload.context));
  RC_ASSERT(value("--parallel") ==
            (workload.parallel == 4 ? "" : std::to_string(*workload.parallel)));
  RC_ASSERT((value("--gpu") == "max") == !workload.gpu_layers.has_value());
}

RC_GTEST_PROP(SettingsProperty, ARaisedLimitMakesThePlanFit, ()) {
  PlannedRun run = some_run();
  const auto limit = wired_limit_for(run.plan);
  const bool fitted = fits(run.plan.verdict);
  RC_ASSERT(!(fitted && limit));
  RC_ASSERT(limit.has_value() == (run.plan.verdict == Verdict::crawls));
  RC_ASSERT(runtime_commands(run).sysctl.empty() == !limit);
  if (!limit) return;
  run.machine.wired_limit_mib = *limit;
  RC_ASSERT(fits(plan(run.model, run.machine, run.server, run.workload).verdict));
  RC_ASSERT(*limit * mib(1) <= run.plan.budget.ram_available);
}

}  // namespace
}  // namespace membudget::settings_property_test
