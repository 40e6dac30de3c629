// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "command.hpp"
#include "membudget/sweep.hpp"
#include "plan_options.hpp"

namespace {

using membudget::PlanReport;

struct CompareOptions : PlanOptions {
  std::vector<std::string> chips;
};

std::string generation(const PlanReport& report) {
  if (!report.speed || report.speed->generation.tps <= 0) return "-";
  // What does not fit runs on no GPU at this speed.
  if (!membudget::fits(report.plan.verdict)) return "-";
  return fmt::format("{:.1f}", report.speed->generation.tps);
}

/// How many times as fast as the first machine; empty for itself and where either does not fit.
std::string ratio(const PlanReport& report, const PlanReport& first) {
  if (generation(report) == "-" || generation(first) == "-" || &report == &first) return "";
  return fmt::format("{:.2f} x", report.speed->generation.tps / first.speed->generation.tps);
}

std::vector<std::vector<std::string>> table(const std::vector<PlanReport>& reports) {
  std::vector<std::vector<std::string>> out{
      {"Mac", "verdict", "left", "context", "tokens/s", "", "first token"}};
  for (const PlanReport& report : reports) {
    const bool runs = generation(report) != "-";
    out.push_back({report.machine.chip.id, std::string(to_string(report.plan.verdict)),
                   to_text(report.plan.headroom), fmt::format("{}", report.max_context),
                   generation(report), ratio(report, reports.front()),
                   runs ? fmt::format("{:.1f} s", report.speed->first_token_ms / 1000) : "-"});
  }
  return out;
}

/// What an owner of the first Mac gains; one sentence a machine.
std::string sentences(const std::vector<PlanReport>& reports) {
  const PlanReport& first = reports.front();
  std::string out;
  for (const PlanReport& report : reports) {
    if (&report == &first) continue;
    std::string gains;
    if (membudget::fits(report.plan.verdict) && !membudget::fits(first.plan.verdict)) {
      gains = fmt::format("runs what does not fit {}", first.machine.chip.id);
    } else if (const auto times = ratio(report, first); !times.empty()) {
      gains = fmt::format("generates {} as fast", times);
    } else if (!membudget::fits(report.plan.verdict)) {
      gains = "does not run it either";
    }
    if (report.max_context > first.max_context) {
      gains += fmt::format("{}{} tokens of context instead of {}", gains.empty() ? "" : ", ",
                           report.max_context, first.max_context);
    }
    if (!gains.empty()) out += fmt::format("{}: {}.\n", report.machine.chip.id, gains);
  }
  return out;
}

/// "8192 tokens"; where a runtime chooses by the machine, what it chooses on each.
std::string planned_contexts(const std::vector<PlanReport>& reports) {
  std::vector<std::int64_t> tokens;
  tokens.reserve(reports.size());
  for (const PlanReport& report : reports) {
    tokens.push_back(report.plan.footprint.settings.context);
  }
  const bool equal = std::ranges::count(tokens, tokens.front()) == std::ssize(tokens);
  return equal ? fmt::format("{} tokens", tokens.front())
               : fmt::format("its own context on each: {} tokens", fmt::join(tokens, ", "));
}

std::string as_text(const std::vector<PlanReport>& reports) {
  const PlanReport& first = reports.front();
  const auto rows = table(reports);
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out =
      fmt::format("{} {} with {} {}, {}\n\n", first.model.id, first.model.quantization,
                  first.runtime.id, first.runtime.version, planned_contexts(reports));
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i < 2 ? fmt::format("{:<{}}  ", row[i], widths[i])
                    : fmt::format("{:>{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out + '\n' + sentences(reports);
}

std::string as_markdown(const std::vector<PlanReport>& reports) {
  std::string out;
  bool head = true;
  for (const auto& row : table(reports)) {
    out += fmt::format("| {} |\n", fmt::join(row, " | "));
    if (head) out += "|---|---|---:|---:|---:|---:|---:|\n";
    head = false;
  }
  return out + '\n' + sentences(reports);
}

std::string as_json(const std::vector<PlanReport>& reports) {
  nlohmann::ordered_json plans = nlohmann::ordered_json::array();
  for (const PlanReport& report : reports) {
    plans.push_back(nlohmann::ordered_json::parse(to_json(report)));
  }
  const nlohmann::ordered_json out{{"schema", "membudget.compare/1"}, {"plans", std::move(plans)}};
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// Of a list, and of an option that was given again and again.
std::vector<std::string> chips_of(const CompareOptions& options) {
  try {
    return membudget::list_axis(fmt::format("{}", fmt::join(options.chips, ",")), "--chip");
  } catch (const membudget::Error& error) {
    throw UsageError(error);
  }
}

Exit run(CompareOptions& options) {
  std::vector<PlanReport> reports;
  for (const std::string& chip : chips_of(options)) {
    options.chip = chip;
    reports.push_back(plan_report(read(options)));
  }
  const Format format = options.output_format();
  write_result(format == Format::json       ? as_json(reports)
               : format == Format::markdown ? as_markdown(reports)
                                            : as_text(reports),
               options.output);
  const bool any = std::ranges::any_of(
      reports, [](const PlanReport& report) { return membudget::fits(report.plan.verdict); });
  return any ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_compare(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("compare", "MODEL on several Macs, side by side");
  auto options = std::make_shared<CompareOptions>();
  options->add_to(*command);
  options->add_context_to(*command);
  command->remove_option(command->get_option("--chip"));
  command->add_option("--chip", options->chips, "Two Macs or more, e.g. m1-max-32gb,m4-max-36gb")
      ->type_name("LIST")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group("Machine");
  command->callback([options, &exit] { exit = run(*options); });
}
