// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "command.hpp"
#include "plan_options.hpp"
#include "recommend_catalog.hpp"

namespace {

using namespace membudget;

struct RecommendOptions : PlanOptions {
  CatalogOptions wanted;
};

/// All quantizations of a catalog model, or the one that was asked for or that a file has.
std::vector<Alternative> alternatives_of(const PlanInputs& inputs, const RecommendOptions& options,
                                         const AdviceRules& rules) {
  if (inputs.model.source == ModelSource::catalog && options.quantization.empty()) {
    return recommendable(inputs.model.id, inputs.profiles, rules);
  }
  Alternative only;
  only.name = inputs.model.quantization;
  only.read = [model = std::make_shared<const Model>(inputs.model)] { return model; };
  return {std::move(only)};
}

/// The task by the name that the rules for one model have for it; empty where they have none for
/// what the catalog is chosen by.
std::string task_of(const std::string& task, const PlanInputs& inputs, const AdviceRules& rules) {
  if (task.empty() || std::ranges::find(rules.tasks, task) != rules.tasks.end()) return task;
  if (const auto name = rules.task_names.find(task); name != rules.task_names.end()) {
    return name->second;
  }
  const auto known = inputs.profiles.capability_rules();
  if (std::ranges::find(known.tasks, task, &TaskRules::name) != known.tasks.end()) return "";
  throw UsageError(
      Errc::bad_request, "--task",
      fmt::format("'{}' is not known; use one of {}", task, fmt::join(rules.tasks, ", ")));
}

/// What only the choice among models heeds would else be dropped without a word.
void warn_of_unheeded(const CatalogOptions& wanted) {
  std::vector<std::string_view> out;
  for (const auto& [name, value] :
       {std::pair{"--complexity", &wanted.complexity}, std::pair{"--quality", &wanted.quality},
        std::pair{"--performance", &wanted.performance}, std::pair{"--min-tps", &wanted.min_tps},
        std::pair{"--count", &wanted.count}}) {
    if (!value->empty()) out.emplace_back(name);
  }
  if (!out.empty()) {
    fmt::print(stderr,
               "membudget: with MODEL there is no choice among models, so {} changes nothing; "
               "--task says what its quantization must be good for\n",
               fmt::join(out, ", "));
  }
}

Exit run(const RecommendOptions& options) {
  if (options.model.empty() && options.modelfile.empty()) {
    return recommend_from_catalog(options, options.wanted);
  }
  warn_of_unheeded(options.wanted);
  auto inputs = read(options);
  if (inputs.runtime.engine != Engine::llama_cpp) {
    throw UsageError(
        Errc::unsupported, "--runtime",
        fmt::format("recommend chooses among llama.cpp's quantizations and caches; for "
                    "{} compare plan --quant 8bit, 6bit and 4bit",
                    inputs.runtime.id));
  }
  const AdviceRules rules = inputs.profiles.advice_rules();
  const auto task = task_of(options.wanted.task, inputs, rules);
  auto recommendation = recommend(inputs.machine, inputs.runtime, inputs.workload, rules, task,
                                  alternatives_of(inputs, options, rules));
  const bool found = recommendation.model != nullptr;
  if (found) {
    inputs.model = *recommendation.model;
    inputs.workload = recommendation.workload;
  }
  // The search has shown what there is to choose from; a ladder would only repeat it.
  inputs.advise = false;
  auto report = plan_report(std::move(inputs));
  if (found) {
    report.recommendation = std::move(recommendation);
  }
  const bool good = fits(report.plan.verdict);
  write_result(rendered(report, options), options.output);
  return good ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_recommend(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand(
      "recommend", "The best settings of MODEL, or without it the best models of the catalog");
  auto options = std::make_shared<RecommendOptions>();
  options->add_to(*command);
  options->add_now_to(*command);
  options->add_context_to(*command);
  options->add_speed_to(*command);
  command->get_option("MODEL")->required(false);
  options->wanted.add_to(*command);
  command->callback([options, &exit] { exit = run(*options); });
}
