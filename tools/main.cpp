// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "command.hpp"
#include "plan_options.hpp"

namespace {

/// Known before the arguments are parsed, because a failure to parse them is reported too.
bool wants_json(const std::vector<std::string>& arguments) {
  const auto format = std::ranges::find(arguments, "--format");
  return std::ranges::find(arguments, "--json") != arguments.end() ||
         std::ranges::find(arguments, "--format=json") != arguments.end() ||
         (format != arguments.end() && format + 1 != arguments.end() && *(format + 1) == "json");
}

Exit run(const std::vector<std::string>& arguments) {
  CLI::App program("Predicts the memory of language models on Apple Silicon.", "membudget");
  program.set_version_flag("-V,--version", "membudget " MEMBUDGET_VERSION);
  program.require_subcommand(1);
  Exit exit = exit_fits;
  add_plan(program, exit);
  add_max_context(program, exit);
  add_compare(program, exit);
  add_compare_runtimes(program, exit);
  add_settings(program, exit);
  add_recommend(program, exit);
  add_stack(program, exit);
  add_inspect(program, exit);
  add_detect(program, exit);
  add_list(program, exit);
  add_show(program, exit);
  add_check(program, exit);
  add_verify(program, exit);
  add_health(program, exit);
  add_record(program, exit);
  add_records(program, exit);
  add_calibrate(program, exit);
  add_completion(program, exit);
  std::vector<std::string> last_first(arguments.rbegin(), arguments.rend());
  try {
    program.parse(last_first);
  } catch (const CLI::Success& success) {
    program.exit(success);  // --help and --version are answered here.
  } catch (const CLI::ParseError& error) {
    const auto commands = program.get_subcommands();
    const bool unknown = commands.empty() && !arguments.empty() && !arguments[0].starts_with('-');
    throw UsageError(
        membudget::Errc::bad_request, "usage",
        fmt::format("{}; see membudget {}--help",
                    unknown ? fmt::format("there is no command '{}'", arguments[0]) : error.what(),
                    commands.empty() ? "" : commands.front()->get_name() + " "));
  }
  return exit;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = with_long_options(argc, argv);
  try {
    return run(arguments);
  } catch (const membudget::Error& error) {
    return fail(error, wants_json(arguments));
  } catch (const std::exception& error) {
    return fail({membudget::Errc::io, "internal error", error.what()}, wants_json(arguments));
  }
}
