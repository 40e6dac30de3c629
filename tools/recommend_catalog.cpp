// SPDX-License-Identifier: MIT
#include "recommend_catalog.hpp"

#include <fmt/format.h>

#include <cmath>
#include <ios>
#include <locale>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "command.hpp"

namespace {

using namespace membudget;

double positive_number(const std::string& text, const std::string& option) {
  // Not from_chars: the C++ library of Macs has it for whole numbers only.
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  double value = 0;
  const bool whole =
      !(in >> std::noskipws >> value).fail() && in.peek() == std::istringstream::traits_type::eof();
  if (!whole || !std::isfinite(value) || value < 0) {
    throw UsageError(Errc::bad_request, option,
                     fmt::format("'{}' is not a number such as 10", text));
  }
  return value;
}

std::size_t count_of(const std::string& text) {
  constexpr std::size_t usual = 10;
  constexpr double most = 1000;
  if (text.empty()) return usual;
  const double value = positive_number(text, "--count");
  if (value < 1 || value > most || value != std::floor(value)) {
    throw UsageError(Errc::bad_request, "--count",
                     fmt::format("'{}' is not a whole number from 1 to 1000", text));
  }
  return static_cast<std::size_t>(value);
}

/// What the command line got wrong, whatever the library calls it.
template <class Ask>
auto asked(const std::string& option, const Ask& ask) {
  try {
    return ask();
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name && error.code() != Errc::bad_request) throw;
    throw UsageError(error.code(), error.where().empty() ? option : error.where(), problem(error));
  }
}

RankRequest request_of(const PlanOptions& options, const CatalogOptions& wanted,
                       MachineInputs& inputs, const CapabilityRules& rules) {
  RankRequest out;
  out.task = wanted.task;
  out.workload = std::move(inputs.workload);
  out.speed = inputs.speed;
  out.count = count_of(wanted.count);
  if (!wanted.min_tps.empty()) out.min_tps = positive_number(wanted.min_tps, "--min-tps");
  if (!options.quantization.empty()) {
    static_cast<void>(asked("--quant", [&] {
      return inputs.profiles.document(ProfileKind::quantization, options.quantization);
    }));
    out.quantizations = {options.quantization};
  }
  return asked("usage", [&] {
    return selected(std::move(out), rules, wanted.complexity, wanted.quality, wanted.performance);
  });
}

}  // namespace

void CatalogOptions::add_to(CLI::App& command) {
  const auto option = [&](const char* names, std::string& value, const char* help,
                          const char* type) {
    command.add_option(names, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group("Choice");
  };
  option("--task", task,
         "chat coding reasoning math writing rag agent vision embedding; with MODEL exact too",
         "TASK");
  option("--min-tps", min_tps, "Generated tokens per second, at least; default: the task's", "N");
  option("--complexity", complexity, "simple, medium or complex", "WORD");
  option("--quality", quality, "good, high or maximum", "WORD");
  option("--performance", performance, "low, medium or high", "WORD");
  option("--count", count, "Models to show; default: 10", "N");
}

Exit recommend_from_catalog(const PlanOptions& options, const CatalogOptions& wanted) {
  const auto format = options.output_format();
  auto inputs = read_machine(options);
  const auto rules = inputs.profiles.capability_rules();
  const auto request = request_of(options, wanted, inputs, rules);
  const auto catalog = inputs.profiles.catalog();
  const auto read_model = [&](const CatalogEntry& entry, const std::string& quantization) {
    return inputs.profiles.model(entry.id, quantization);
  };
  RankReport report;
  report.ranking = asked("--task", [&] {
    return rank(catalog, read_model, inputs.machine, inputs.runtime, inputs.speed_rules, rules,
                inputs.profiles.quality_table(), request);
  });
  report.catalog = catalog.size();
  if (!wanted.complexity.empty() || !wanted.quality.empty() || !wanted.performance.empty()) {
    report.documents =
        documents_choice(rules, wanted.complexity, wanted.quality, wanted.performance);
  }
  report.machine = std::move(inputs.machine);
  report.runtime = std::move(inputs.runtime);
  write_result(format == Format::json ? to_json(report) : to_text(report, options.style()),
               options.output);
  return report.ranking.models.empty() ? exit_does_not_fit : exit_fits;
}
