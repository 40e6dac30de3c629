// SPDX-License-Identifier: MIT
#include "compare_runtimes.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "output.hpp"

namespace {

using namespace membudget;

/// Of another kind of weights than was asked for, those with about as many bits.
PlanOptions options_for(const Runtime& runtime, const PlanOptions& options,
                        const PlanInputs& asked) {
  PlanOptions out = options;
  out.runtime = runtime.id;
  if (!options.quantization.empty() && asked.model.source == ModelSource::catalog) {
    out.quantization = asked.profiles.nearest_quantization(options.quantization, runtime.engine);
  }
  return out;
}

RuntimePlan planned(PlanInputs inputs) {
  RuntimePlan out;
  out.quantization = inputs.model.quantization;
  out.max_context = max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload);
  if (inputs.largest_context && out.max_context > 0) inputs.workload.context = out.max_context;
  out.plan = plan(inputs.model, inputs.machine, inputs.runtime, inputs.workload);
  if (inputs.speed_rules) {
    out.speed =
        speed(inputs.model, inputs.machine, out.plan.footprint, *inputs.speed_rules, inputs.speed);
  }
  out.runtime = std::move(inputs.runtime);
  return out;
}

RuntimesReport report_of_runtimes(const PlanOptions& options) {
  PlanOptions first = options;
  first.runtime = "llama.cpp";
  const PlanInputs asked = read(first);
  RuntimesReport out{.model = asked.model.id,
                     .architecture = asked.model.architecture,
                     .trained_context = asked.model.trained_context,
                     .machine = asked.machine,
                     .context = asked.workload.context,
                     .plans = {},
                     .refusals = {}};
  for (const std::string& id : asked.profiles.runtime_ids()) {
    const Runtime runtime = asked.profiles.runtime(id);
    try {
      out.plans.push_back(planned(read(options_for(runtime, options, asked))));
    } catch (const Error& error) {
      if (!is_refusal(error)) throw;
      out.refusals.push_back({runtime, problem(error)});
    }
  }
  sort(out);
  return out;
}

struct CompareRuntimesOptions : PlanOptions {};

}  // namespace

Exit compare_runtimes(const PlanOptions& options) {
  const auto report = report_of_runtimes(options);
  const Format format = options.output_format();
  write_result(format == Format::json       ? to_json(report)
               : format == Format::markdown ? to_markdown(report)
                                            : to_text(report, options.style()),
               options.output);
  const bool any = std::ranges::any_of(
      report.plans, [](const RuntimePlan& each) { return fits(each.plan.verdict); });
  return any ? exit_fits : exit_does_not_fit;
}

void add_compare_runtimes(CLI::App& program, Exit& exit) {
  auto* command =
      program.add_subcommand("compare-runtimes", "MODEL with every runtime, side by side");
  auto options = std::make_shared<CompareRuntimesOptions>();
  options->add_to(*command);
  options->add_context_to(*command);
  options->add_speed_to(*command);
  command->remove_option(command->get_option("--runtime"));
  command->callback([options, &exit] { exit = compare_runtimes(*options); });
}
