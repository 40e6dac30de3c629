// SPDX-License-Identifier: MIT
#include <algorithm>
#include <memory>

#include "command.hpp"
#include "membudget/html_report.hpp"
#include "membudget/sweep.hpp"
#include "plan_options.hpp"
#include "sweep_subject.hpp"

namespace {

using namespace membudget;

struct ReportOptions : PlanOptions {
  bool strict = false;
};

/// Contexts up to what the model was trained for, and the plan's own among them.
std::vector<std::int64_t> contexts_around(const PlanReport& report) {
  const auto own = report.plan.footprint.settings.context;
  const auto trained = report.model.trained_context;
  auto out = context_axis(trained > 0 ? "2k.." : "2k..32k", trained, "--ctx-size");
  if (own > 0 && std::ranges::find(out, own) == out.end()) out.push_back(own);
  std::ranges::sort(out);
  return out;
}

Exit run(const ReportOptions& options) {
  if (options.format != "text" && options.format != "html") {
    throw UsageError(
        Errc::bad_request, "--format",
        "'" + options.format + "' is not known; a report is html, see plan for others");
  }
  PlanOptions asked = static_cast<const PlanOptions&>(options);
  asked.format = "text";
  auto inputs = read(asked);
  inputs.commands_for.assign(settings_formats.begin(), settings_formats.end());
  SweepRequest request{
      .model = options.model, .subjects = {subject_of(inputs)}, .cache_types = {}, .contexts = {}};
  const auto report = plan_report(std::move(inputs));
  request.contexts = contexts_around(report);
  write_result(to_html(report, sweep(request)), options.output);
  const auto verdict = report.plan.verdict;
  const bool good = options.strict ? verdict == Verdict::comfortable : fits(verdict);
  return good ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_report(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("report", "A plan of MODEL as one HTML page");
  auto options = std::make_shared<ReportOptions>();
  options->add_to(*command);
  options->add_now_to(*command);
  options->add_context_to(*command);
  options->add_speed_to(*command);
  // The page holds all of them.
  for (const char* name : {"--json", "--explain", "--plain", "--format"}) {
    command->remove_option(command->get_option(name));
  }
  command->add_option("--format", options->format, "html, which is the default")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("FORMAT")
      ->group("Output");
  command->add_flag("--strict", options->strict, "Exit 1 unless the fit is comfortable")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
