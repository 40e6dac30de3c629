// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "help_text.hpp"
#include "membudget/version.h"
#include "plan_options.hpp"
#include "unknown_word.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

/// Estimates take and free the same memory one after the other. glibc would give it back in
/// between, and the kernel clear it again: a sixth of the time of a plan.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int enough = 64 << 20;
  mallopt(M_TRIM_THRESHOLD, enough);
  mallopt(M_MMAP_THRESHOLD, enough);
  mallopt(M_TOP_PAD, 1 << 20);
#endif
}

/// Known before the arguments are parsed, because a failure to parse them is reported too.
bool wants_json(const std::vector<std::string>& arguments) {
  const auto format = std::ranges::find(arguments, "--format");
  return std::ranges::find(arguments, "--json") != arguments.end() ||
         std::ranges::find(arguments, "--format=json") != arguments.end() ||
         (format != arguments.end() && format + 1 != arguments.end() && *(format + 1) == "json");
}

struct MainCommand {
  std::string_view name;
  void (*add)(CLI::App& program, Exit& exit);
};

// As --help lists them.
constexpr auto all_commands = std::to_array<MainCommand>(
    {{"plan", add_plan},           {"max-context", add_max_context},
     {"compare", add_compare},     {"compare-runtimes", add_compare_runtimes},
     {"sweep", add_sweep},         {"report", add_report},
     {"settings", add_settings},   {"recommend", add_recommend},
     {"stack", add_stack},         {"inspect", add_inspect},
     {"detect", add_detect},       {"list", add_list},
     {"show", add_show},           {"check", add_check},
     {"verify", add_verify},       {"health", add_health},
     {"record", add_record},       {"records", add_records},
     {"calibrate", add_calibrate}, {"completion", add_completion},
     {"manual", add_manual}});

/// The command that is named first, by itself: describing the options of all of them takes longer
/// than a plan. All are there when none is named, and for those that tell of the others.
void add_commands(CLI::App& program, Exit& exit, const std::vector<std::string>& arguments) {
  const std::string_view first = arguments.empty() ? "" : std::string_view(arguments.front());
  const auto* named = std::ranges::find(all_commands, first, &MainCommand::name);
  if (named != std::end(all_commands) && named->add != add_completion && named->add != add_manual) {
    named->add(program, exit);
    return;
  }
  for (const MainCommand& command : all_commands) {
    command.add(program, exit);
  }
}

[[noreturn]] void refuse_usage(const CLI::App& command, const std::string& problem) {
  throw UsageError(membudget::Errc::bad_request, "usage", with_help_of(command, problem));
}

/// Before anything is parsed: the first word that is no option must be a command.
void check_command(const CLI::App& program, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return;
  std::vector<std::string> names;
  names.reserve(all_commands.size());
  for (const MainCommand& command : all_commands) names.emplace_back(command.name);
  if (std::ranges::find(names, arguments.front()) == names.end()) {
    refuse_usage(program, unknown_command(arguments.front(), names));
  }
}

/// "help plan" is "plan --help".
std::vector<std::string> with_help_as_option(std::vector<std::string> arguments) {
  while (!arguments.empty() && arguments.front() == "help") {
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  return arguments;
}

Exit run(const std::vector<std::string>& arguments) {
  CLI::App program("Predicts the memory of language models on Apple Silicon.", "membudget");
  program.set_version_flag("-v,-V,--version", "membudget " MEMBUDGET_VERSION);
  program.formatter(std::make_shared<HelpText>());
  program.require_subcommand(1);
  check_command(program, arguments);
  Exit exit = exit_fits;
  add_commands(program, exit, arguments);
  std::vector<std::string> last_first(arguments.rbegin(), arguments.rend());
  try {
    program.parse(last_first);
  } catch (const CLI::Success& success) {
    // --help and --version are answered here.
    std::ostringstream text;
    program.exit(success, text, text);
    write_result(text.str(), "");
  } catch (const CLI::ParseError& error) {
    const std::string unknown = unknown_argument(program);
    refuse_usage(named_command(program), unknown.empty() ? error.what() : unknown);
  }
  return exit;
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  const auto arguments = with_help_as_option(with_long_options(argc, argv));
  try {
    return run(arguments);
  } catch (const membudget::Error& error) {
    return fail(error, wants_json(arguments));
  } catch (const std::exception& error) {
    return fail({membudget::Errc::io, "internal error", error.what()}, wants_json(arguments));
  }
}
