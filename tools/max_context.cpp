// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "plan_options.hpp"

namespace {

using namespace membudget;

struct MaxContextOptions : PlanOptions {
  bool quiet = false;
  std::string target_headroom;
};

/// The answer in one sentence, then what other cache types would give.
std::string sentence(const membudget::PlanReport& report) {
  const auto& model = report.model;
  const auto what = fmt::format("{} {} on {} with {} {}", model.id, model.quantization,
                                report.machine.chip.id, report.runtime.id, report.runtime.version);
  const auto trained = trained_tokens(model, report.runtime.engine, report.plan.footprint.settings);
  auto out = report.max_context == 0
                 ? fmt::format("No context fits: {}.\n", what)
                 : fmt::format("{} tokens fit: {}.\n", report.max_context, what);
  for (const auto& row : report.by_cache_type) {
    const auto type = report.runtime.engine != Engine::mlx ? cache_type_name(row.type)
                      : row.type == ElementType::f16       ? std::string("16-bit")
                      : row.type == ElementType::q8_0      ? std::string("8-bit")
                                                           : std::string("4-bit");
    const std::string note = !row.refusal.empty() ? ", " + row.refusal
                             : trained > 0 && row.tokens >= trained
                                 ? std::string(", all it was trained for")
                                 : std::string();
    out += fmt::format("  {:<5} cache {:>9}{}\n", type, row.tokens, note);
  }
  if (report.stretched_context > trained && trained > 0) {
    out += fmt::format(
        "Memory has room for {} tokens. Beyond the {} it was trained for it needs\nRoPE scaling "
        "({}),\nwhich may cost quality, of "
        "short texts too.\n",
        report.stretched_context, trained,
        rope_scaling_options(report.stretched_context, trained, model.trained_context));
  }
  return out;
}

std::string answer(const membudget::PlanReport& report, const MaxContextOptions& options) {
  if (options.output_format() != Format::text) return rendered(report, options);
  return options.explain ? sentence(report) + "\n" + rendered(report, options) : sentence(report);
}

Exit run(const MaxContextOptions& options) {
  auto inputs = read(options);
  if (!options.target_headroom.empty()) {
    inputs.target_headroom = membudget::parse_size(options.target_headroom, "--target-headroom",
                                                   membudget::least_bare_size);
  }
  if (options.quiet) {
    const auto tokens = max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload,
                                    inputs.target_headroom);
    write_result(fmt::format("{}\n", tokens), options.output);
    return tokens > 0 ? exit_fits : exit_does_not_fit;
  }
  inputs.largest_context = true;
  inputs.stretch = true;
  // A sentence has no room for it.
  inputs.advise = options.explain || options.output_format() != Format::text;
  const auto report = plan_report(std::move(inputs));
  write_result(answer(report, options), options.output);
  return report.max_context > 0 ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_max_context(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("max-context", "The largest context of MODEL that fits");
  auto options = std::make_shared<MaxContextOptions>();
  options->add_to(*command);
  options->add_now_to(*command);
  command->add_flag("-q,--quiet", options->quiet, "The bare number, 0 when none fits")
      ->group("Output");
  command
      ->add_option("--target-headroom", options->target_headroom,
                   "What shall stay free beside it, e.g. 2GiB; default: nothing")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("SIZE")
      ->group("Machine");
  command->callback([options, &exit] { exit = run(*options); });
}
