// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "profile_kind.hpp"
#include "this_machine.hpp"

namespace {

using namespace membudget;

struct DetectOptions {
  std::string readings;
  std::string record;
  std::string profiles;
  std::string format = "text";
  std::string output;
  bool json = false;
  bool plain = false;
};

bool wants_json(const DetectOptions& options) {
  if (options.json || options.format == "json") return true;
  if (options.format == "text") return false;
  throw UsageError(Errc::bad_request, "--format",
                   fmt::format("'{}' is not known; use text or json", options.format));
}

/// nullopt where nobody knows what Metal grants; detect still tells the rest.
std::optional<Budget> usual_budget(const Machine& machine, const Profiles& profiles) {
  try {
    return budget(machine, profiles.runtime("llama.cpp"));
  } catch (const Error& error) {
    if (error.code() != Errc::unsupported) throw;
    return std::nullopt;
  }
}

Exit run(const DetectOptions& options) {
  const bool json = wants_json(options);
  const auto profiles = profiles_with(options.profiles);
  const auto readings = readings_of(options.readings);
  if (!options.record.empty()) write_result(to_json(readings), options.record);
  if (options.record == "-") return exit_fits;
  const auto host = profiles.this_machine(readings);
  const auto usual = usual_budget(host.machine, profiles);
  const bool to_file = !options.output.empty() && options.output != "-";
  write_result(
      json ? to_json(host, usual) : to_text(host, usual, terminal_style(to_file, options.plain)),
      options.output);
  return exit_fits;
}

}  // namespace

void add_detect(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("detect", "This machine: chip, limits, who holds what");
  auto options = std::make_shared<DetectOptions>();
  const auto option = [&](const char* names, std::string& value, const char* help,
                          const char* type) {
    command->add_option(names, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type);
  };
  option("--record", options->record,
         "Also write what was read to FILE: sizes, and names of large processes", "FILE");
  option("--readings", options->readings, "A machine recorded before, instead of this one", "FILE");
  option("--profiles", options->profiles, "Folder that adds to the built-in profiles", "DIR");
  option("--format", options->format, "text or json", "FORMAT");
  command->add_flag("--json", options->json, "Same as --format json");
  command->add_flag("--plain", options->plain, "No colour, ASCII only");
  option("-o,--output", options->output, "Write to FILE instead of standard output", "FILE");
  command->callback([options, &exit] { exit = run(*options); });
}
