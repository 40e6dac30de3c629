// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "plan_options.hpp"

namespace {

struct Options : PlanOptions {
  bool quiet = false;
};

/// The answer in one sentence, then what other cache types would give.
std::string sentence(const membudget::PlanReport& report) {
  const auto& model = report.model;
  const auto what = fmt::format("{} {} on {} with {} {}", model.id, model.quantization,
                                report.machine.chip.id, report.runtime.id, report.runtime.version);
  const auto trained = model.trained_context;
  auto out = report.max_context == 0
                 ? fmt::format("No context fits: {}.\n", what)
                 : fmt::format("{} tokens fit: {}.\n", report.max_context, what);
  for (const auto& row : report.by_cache_type) {
    out += fmt::format("  {:<5} cache {:>9}{}\n", cache_type_name(row.type), row.tokens,
                       trained > 0 && row.tokens >= trained ? ", all it was trained for" : "");
  }
  return out;
}

std::string answer(const membudget::PlanReport& report, const Options& options) {
  if (options.output_format() != Format::text) return rendered(report, options);
  return options.explain ? sentence(report) + "\n" + rendered(report, options) : sentence(report);
}

Exit run(const Options& options) {
  auto inputs = read(options);
  if (options.quiet) {
    const auto tokens = max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload);
    write_result(fmt::format("{}\n", tokens), options.output);
    return tokens > 0 ? exit_fits : exit_does_not_fit;
  }
  inputs.largest_context = true;
  const auto report = report_of(std::move(inputs));
  write_result(answer(report, options), options.output);
  return report.max_context > 0 ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_max_context(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("max-context", "The largest context of MODEL that fits");
  auto options = std::make_shared<Options>();
  options->add_to(*command);
  command->add_flag("-q,--quiet", options->quiet, "The bare number, 0 when none fits")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
