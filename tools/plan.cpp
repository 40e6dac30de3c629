// SPDX-License-Identifier: MIT
#include <memory>

#include "command.hpp"
#include "compare_runtimes.hpp"
#include "distribute.hpp"
#include "plan_options.hpp"

namespace {

struct PlanCommandOptions : PlanOptions {
  bool strict = false;
  std::vector<std::string> chips;
  DistributeOptions distribute;
};

Exit run(PlanCommandOptions& options) {
  if (!options.distribute.how.empty()) {
    return run_distributed(options, options.distribute, options.chips, options.strict);
  }
  if (!options.distribute.tensor_split.empty()) {
    throw UsageError(membudget::Errc::bad_request, "--tensor-split",
                     "is for several Macs; give --distribute llama-rpc too");
  }
  if (options.chips.size() > 1) {
    throw UsageError(membudget::Errc::bad_request, "--chip",
                     "stands more than once; use --distribute to share the model between these "
                     "Macs, or membudget compare to set them side by side");
  }
  if (!options.chips.empty()) options.chip = options.chips.front();
  if (options.runtime == "all") return compare_runtimes(options);
  const auto report = plan_report(read(options));
  write_result(rendered(report, options), options.output);
  const auto verdict = report.plan.verdict;
  const bool good =
      options.strict ? verdict == membudget::Verdict::comfortable : membudget::fits(verdict);
  return good ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_plan(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("plan", "Does MODEL fit, and what takes how much?");
  auto options = std::make_shared<PlanCommandOptions>();
  options->add_to(*command);
  options->add_now_to(*command);
  options->add_context_to(*command);
  options->add_speed_to(*command);
  command->remove_option(command->get_option("--chip"));
  command
      ->add_option("--chip", options->chips,
                   "Hardware profile, e.g. m1-max-32gb; default: this machine")
      ->type_name("ID")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group("Machine");
  options->distribute.add_to(*command);
  command->add_flag("--strict", options->strict, "Exit 1 unless the fit is comfortable")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
