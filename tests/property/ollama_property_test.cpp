// SPDX-License-Identifier: MIT
// What `settings` prints, read by the readers of --modelfile and --from-env: the same plan again.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "membudget/settings.hpp"
#include "plan/fit.hpp"
#include "support/embedded.hpp"
#include "support/settings_reader.hpp"

namespace membudget::ollama_property_test {
namespace {

template <class T>
std::optional<T> maybe(std::vector<T> values) {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return *rc::gen::elementOf(values);
}

/// A plan for Ollama with what it can be told, its defaults as often as not.
PlannedRun some_run() {
  PlannedRun run;
  const auto name =
      *rc::gen::element<std::string>("llama3.2:1b", "qwen2.5:7b", "gemma3:12b",
                                     "qwen3-next-80b-a3b", "lfm2-1.2b", "bge-m3", "llama3.3:70b");
  run.model = profiles().model(name);
  run.model.default_context = maybe<std::int64_t>({2048, 16384}).value_or(0);
  run.machine = machine(profiles().chip(
      *rc::gen::element<std::string>("m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb")));
  run.ollama = profiles().runtime(*rc::gen::element<std::string>("ollama", "docker-ollama"));
  run.lmstudio = profiles().runtime("lmstudio");
  run.server = profiles().runtime("llama.cpp@" + run.ollama.engine_version);
  run.names = {};
  run.names.ollama = name;
  Workload asked;
  asked.parallel = maybe<std::int64_t>({1, 2, 3});
  asked.context = maybe<std::int64_t>({1, 4096, 8192, 10000, 65536});
  asked.batch = maybe<std::int64_t>({128, 512, 2048});
  asked.cache_type_k = maybe<ElementType>({ElementType::q8_0, ElementType::q4_0});
  asked.cache_type_v = asked.cache_type_k;
  asked.flash_attention = maybe<FlashAttention>({FlashAttention::on, FlashAttention::off});
  asked.gpu_layers = maybe<std::int64_t>({-1, 0, 5});
  asked.mmap = maybe<bool>({true, false});
  try {
    run.plan = plan(run.model, run.machine, run.ollama, asked);
  } catch (const Error&) {
    RC_DISCARD("settings that the engine refuses");
  }
  run.workload = configured(asked, run.ollama, run.model, run.plan.budget);
  return run;
}

std::map<std::string, std::string> exported(const std::vector<std::string>& lines) {
  std::string script;
  for (const auto& line : lines) script += line + "\n";
  std::map<std::string, std::string> out;
  for (const auto& words : test::shell_commands(script)) {
    const bool docker = words.at(0) == "docker";
    if (!docker && words.at(0) != "export") continue;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (docker && words[i - 1] != "-e") continue;
      const auto equals = words[i].find('=');
      out[words[i].substr(0, equals)] = words[i].substr(equals + 1);
    }
  }
  return out;
}

struct Again {
  Plan plan;
  bool layers_move = false;  ///< llama.cpp would keep some off the GPU by itself.
};

Again planned_again(const PlannedRun& run, const std::map<std::string, std::string>& variables,
                    const Modelfile& modelfile) {
  std::vector<std::string> warnings;
  const Runtime server = with_ollama_environment(run.ollama, variables, warnings);
  RC_ASSERT(warnings.empty());
  const Workload asked = with_slot_context(with_modelfile({}, modelfile), server, run.model);
  Again out;
  out.plan = plan(run.model, run.machine, server, asked);
  out.layers_move =
      fit_moves_layers(out.plan.footprint, configured(asked, server, run.model, out.plan.budget),
                       server, run.model, out.plan.budget);
  return out;
}

void must_be_same(const Again& twice, const Plan& planned) {
  const Plan& again = twice.plan;
  const Settings& now = again.footprint.settings;
  const Settings& then = planned.footprint.settings;
  RC_ASSERT(now.context == then.context);
  RC_ASSERT(now.parallel == then.parallel);
  RC_ASSERT(now.batch == then.batch);
  RC_ASSERT(now.ubatch == then.ubatch);
  RC_ASSERT(now.cache_type_k == then.cache_type_k);
  RC_ASSERT(now.flash_attention == then.flash_attention);
  RC_ASSERT(now.mmap == then.mmap);
  RC_ASSERT(again.footprint.total() == planned.footprint.total());
  RC_ASSERT(again.footprint.total(Place::gpu) == planned.footprint.total(Place::gpu));
  RC_ASSERT(!twice.layers_move);
}

RC_GTEST_PROP(OllamaProperty, ItsPrintedSettingsPlanTheSame, ()) {
  const PlannedRun run = some_run();
  const auto commands = runtime_commands(run);
  const auto modelfile = read_modelfile("Modelfile", commands.modelfile);
  auto variables = exported(commands.ollama);
  must_be_same(planned_again(run, variables, modelfile), run.plan);
  // The Modelfile holds the context too.
  variables.erase("OLLAMA_CONTEXT_LENGTH");
  must_be_same(planned_again(run, variables, modelfile), run.plan);
}

RC_GTEST_PROP(OllamaProperty, ItsPrintedSettingsAreNoMoreThanNeeded, ()) {
  const PlannedRun run = some_run();
  const auto commands = runtime_commands(run);
  const auto modelfile = read_modelfile("Modelfile", commands.modelfile);
  const auto variables = exported(commands.ollama);
  const auto differs = [&](const std::map<std::string, std::string>& some, const Modelfile& file) {
    try {
      const Again again = planned_again(run, some, file);
      const Settings& now = again.plan.footprint.settings;
      const Settings& then = run.plan.footprint.settings;
      return now.context != then.context || now.parallel != then.parallel ||
             now.batch != then.batch || now.cache_type_k != then.cache_type_k ||
             now.flash_attention != then.flash_attention || now.gpu_layers != then.gpu_layers ||
             now.mmap != then.mmap || again.layers_move;
    } catch (const Error&) {
      return true;
    }
  };
  for (const auto& [name, value] : variables) {
    if (name == "OLLAMA_CONTEXT_LENGTH") continue;  // The Modelfile sets it too.
    auto fewer = variables;
    fewer.erase(name);
    RC_ASSERT(differs(fewer, modelfile));
  }
  for (auto member : {&Modelfile::num_ctx, &Modelfile::num_batch, &Modelfile::num_gpu}) {
    if (!(modelfile.*member)) continue;
    Modelfile fewer = modelfile;
    fewer.*member = std::nullopt;
    auto without = variables;
    without.erase("OLLAMA_CONTEXT_LENGTH");
    RC_ASSERT(differs(without, fewer));
  }
}

}  // namespace
}  // namespace membudget::ollama_property_test
