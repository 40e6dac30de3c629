// SPDX-License-Identifier: MIT
#include <memory>

#include "command.hpp"
#include "compare_runtimes.hpp"
#include "plan_options.hpp"

namespace {

struct Options : PlanOptions {
  bool strict = false;
};

Exit run(const Options& options) {
  if (options.runtime == "all") return compare_runtimes(options);
  const auto report = report_of(read(options));
  write_result(rendered(report, options), options.output);
  const auto verdict = report.plan.verdict;
  const bool good =
      options.strict ? verdict == membudget::Verdict::comfortable : membudget::fits(verdict);
  return good ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_plan(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("plan", "Does MODEL fit, and what takes how much?");
  auto options = std::make_shared<Options>();
  options->add_to(*command);
  options->add_now_to(*command);
  options->add_context_to(*command);
  options->add_speed_to(*command);
  command->add_flag("--strict", options->strict, "Exit 1 unless the fit is comfortable")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
