// SPDX-License-Identifier: MIT
#include "distribute.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <utility>

namespace {

using namespace membudget;

std::vector<double> split_of(const std::string& text) {
  std::vector<double> out;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto item = text.substr(begin, end - begin);
    begin = end + 1;
    double value = 0;
    const auto [stop, error] = std::from_chars(item.data(), item.data() + item.size(), value);
    if (error != std::errc{} || stop != item.data() + item.size() || !(value >= 0)) {
      throw UsageError(Errc::bad_request, "--tensor-split",
                       fmt::format("'{}' is not a list of numbers such as 3,1", text));
    }
    out.push_back(value);
  }
  return out;
}

}  // namespace

void DistributeOptions::add_to(CLI::App& command) {
  const auto option = [&](const char* name, std::string& value, const char* help,
                          const char* type) {
    command.add_option(name, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group("More than one Mac");
  };
  option("--distribute", how, "With --chip twice or more: llama-rpc, mlx or mlx-pipeline", "HOW");
  option("--link", link, "thunderbolt, thunderbolt-rdma, 10gbe, 1gbe or wifi; default: thunderbolt",
         "LINK");
  option("--tensor-split", tensor_split,
         "-ts; shares, the RPC servers' before the first Mac's; default: by Metal's limits",
         "LIST");
}

Exit run_distributed(PlanOptions& options, const DistributeOptions& distribute_options,
                     const std::vector<std::string>& chips, bool strict) {
  const auto how = distribution_of_name(distribute_options.how);
  if (!how) {
    throw UsageError(Errc::bad_request, "--distribute",
                     fmt::format("'{}' is not known; use llama-rpc, mlx or mlx-pipeline",
                                 distribute_options.how));
  }
  if (*how != Distribution::llama_rpc &&
      (options.runtime.empty() || options.runtime == "llama.cpp")) {
    options.runtime = "mlx";
  };
  DistributionRequest request{
      .how = *how, .machines = {}, .link = {}, .split = split_of(distribute_options.tensor_split)};
  options.chip = chips.empty() ? "" : chips.front();
  PlanInputs inputs = read(options);
  request.machines.push_back(inputs.machine);
  for (std::size_t i = 1; i < chips.size(); ++i) {
    options.chip = chips[i];
    request.machines.push_back(read_machine(options).machine);
  }
  try {
    request.link = inputs.profiles.link(distribute_options.link);
  } catch (const Error& error) {
    throw UsageError(error.code(), "--link", problem(error));
  }
  DistributedReport report{.model = std::move(inputs.model),
                           .runtime = std::move(inputs.runtime),
                           .names = std::move(inputs.names),
                           .plan = {}};
  report.plan =
      distribute(report.model, report.runtime, inputs.workload, request, inputs.speed_rules);
  switch (options.output_format()) {
    case Format::json:
      write_result(to_json(report), options.output);
      break;
    case Format::markdown:
      throw UsageError(Errc::bad_request, "--format", "a distributed plan is text or json");
    case Format::text:
      write_result(to_text(report, options.style()), options.output);
      break;
  }
  const bool good =
      strict ? report.plan.verdict == Verdict::comfortable : fits(report.plan.verdict);
  return good ? exit_fits : exit_does_not_fit;
}
