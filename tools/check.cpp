// SPDX-License-Identifier: MIT
#include "membudget/check.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "command.hpp"

namespace {

using membudget::ProfileCheck;
using membudget::ProfileFault;

struct CheckOptions {
  std::vector<std::filesystem::path> paths;
  std::string format = "text";
  bool json = false;
};

std::string plural(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string summary(const ProfileCheck& check) {
  if (check.faults.empty()) {
    return fmt::format("{}, no faults\n", plural(check.files.size(), "file"));
  }
  std::set<std::string> faulty;
  for (const ProfileFault& fault : check.faults) {
    faulty.insert(fault.file);
  }
  return fmt::format("{} in {} of {}\n", plural(check.faults.size(), "fault"), faulty.size(),
                     plural(check.files.size(), "file"));
}

std::string as_text(const ProfileCheck& check) {
  std::string out;
  for (const ProfileFault& fault : check.faults) {
    out += fmt::format("{}:{}:{}: {}{}\n", fault.file, fault.line, fault.column,
                       fault.pointer.empty() ? "" : fault.pointer + ": ", fault.problem);
  }
  return out + summary(check);
}

/// GitHub's workflow commands take % and line ends escaped, and in properties also : and ,.
std::string escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    out += special ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return out;
}

std::string as_annotations(const ProfileCheck& check) {
  std::string out;
  for (const ProfileFault& fault : check.faults) {
    out += fmt::format("::error file={},line={},col={},title=membudget check::{}{}\n",
                       escaped(fault.file, true), fault.line, fault.column,
                       fault.pointer.empty() ? "" : escaped(fault.pointer, false) + ": ",
                       escaped(fault.problem, false));
  }
  return out + summary(check);
}

std::string as_json(const ProfileCheck& check) {
  nlohmann::ordered_json faults = nlohmann::ordered_json::array();
  for (const ProfileFault& fault : check.faults) {
    faults.push_back({{"file", fault.file},
                      {"line", fault.line},
                      {"column", fault.column},
                      {"pointer", fault.pointer},
                      {"problem", fault.problem}});
  }
  const nlohmann::ordered_json out{
      {"schema", "membudget.check/1"}, {"files", check.files}, {"faults", std::move(faults)}};
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Exit run(const CheckOptions& options) {
  const std::string format = options.json ? "json" : options.format;
  const ProfileCheck check = membudget::check_profiles(options.paths);
  write_result(format == "json"     ? as_json(check)
               : format == "github" ? as_annotations(check)
                                    : as_text(check),
               "");
  return check.faults.empty() ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_check(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("check", "Validates profile files, all faults in one run");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("PATH", options->paths, "Profile files, or folders of them")->required();
  command->add_option("--format", options->format, "text, json or github (annotations)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json", "github"}))
      ->group("Output");
  command->add_flag("--json", options->json, "Same as --format json")->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
