// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "plan_options.hpp"

namespace {

using namespace membudget;

struct SettingsOptions : PlanOptions {
  std::string for_whom;
};

SettingsFormat format_of(const SettingsOptions& options) {
  const auto format = settings_format_of_name(options.for_whom);
  if (!format) {
    throw UsageError(
        Errc::bad_request, "--for",
        fmt::format("'{}' is not known; use ollama, modelfile, llama-server, lmstudio, "
                    "mlx or sysctl",
                    options.for_whom));
  }
  return *format;
}

/// The one entry of the plan's `recommendation.commands`.
std::string json_of(const PlanReport& report, SettingsFormat format) {
  const auto plan = nlohmann::ordered_json::parse(to_json(report));
  const std::string name(to_string(format));
  const nlohmann::ordered_json out = {{name, plan.at("recommendation").at("commands").at(name)}};
  return out.dump(2) + "\n";
}

/// With the printed settings the plan fits: as it is, or because they raise the limit.
bool helps(const PlanReport& report, SettingsFormat format) {
  return fits(report.plan.verdict) ||
         (format == SettingsFormat::sysctl && wired_limit_for(report.plan).has_value());
}

/// What the settings themselves cannot say, because there are none or because they do not help.
void remark(const PlanReport& report, SettingsFormat format) {
  if (format == SettingsFormat::sysctl && report.commands.sysctl.empty()) {
    fmt::print(stderr, "membudget: {}\n",
               helps(report, format)
                   ? "the limit need not be raised: the plan fits as it is"
                   : "no limit helps: the plan needs more RAM than the rest of the system leaves");
  } else if (!helps(report, format)) {
    fmt::print(stderr, "membudget: with these settings it does not fit: {}\n",
               report.plan.reasons.front());
  }
}

Exit run(const SettingsOptions& options) {
  const auto format = format_of(options);
  auto inputs = read(options);
  if (!inputs.runtime.settings_for) {
    throw UsageError(Errc::unsupported, "--runtime",
                     fmt::format("what to paste for {} is not known; give the runtime that --for "
                                 "names",
                                 inputs.runtime.id));
  }
  if (options.output_format() == Format::text) inputs.commands_for = {format};
  const auto report = plan_report(std::move(inputs));
  write_result(options.output_format() == Format::json ? json_of(report, format)
                                                       : text_of(report.commands, format),
               options.output);
  remark(report, format);
  return helps(report, format) ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_settings(CLI::App& program, Exit& exit) {
  auto* command =
      program.add_subcommand("settings", "What to paste so that a runtime does what was planned");
  auto options = std::make_shared<SettingsOptions>();
  options->add_to(*command);
  options->add_context_to(*command);
  command
      ->add_option("--for", options->for_whom,
                   "ollama, modelfile, llama-server, lmstudio, mlx or sysctl")
      ->required()
      ->type_name("WHAT")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
