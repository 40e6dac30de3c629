// SPDX-License-Identifier: MIT
#include "unknown_word.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <vector>

#include "membudget/nearest.hpp"

namespace {

/// What other programs and llama.cpp's own short options call the options here.
struct OtherName {
  std::string_view name;
  std::string_view option;
};
constexpr auto other_names = std::to_array<OtherName>({{"c", "ctx-size"},
                                                       {"ctx", "ctx-size"},
                                                       {"context", "ctx-size"},
                                                       {"context-size", "ctx-size"},
                                                       {"context-length", "ctx-size"},
                                                       {"n-ctx", "ctx-size"},
                                                       {"num-ctx", "ctx-size"},
                                                       {"max-model-len", "ctx-size"},
                                                       {"q", "quant"},
                                                       {"quantization", "quant"},
                                                       {"quantisation", "quant"},
                                                       {"ram", "chip"},
                                                       {"memory", "chip"},
                                                       {"mac", "chip"},
                                                       {"machine", "chip"},
                                                       {"np", "parallel"},
                                                       {"slots", "parallel"},
                                                       {"num-parallel", "parallel"},
                                                       {"ngl", "gpu-layers"},
                                                       {"num-gpu", "gpu-layers"},
                                                       {"num-batch", "batch-size"},
                                                       {"kv-cache-type", "cache-type"},
                                                       {"engine", "runtime"},
                                                       {"m", "model"}});

/// "--Num_Ctx=8k" as it is compared: "num-ctx".
std::string bare_name(std::string_view word) {
  word = word.substr(0, word.find('='));
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string out(word);
  std::ranges::transform(out, out.begin(), [](unsigned char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  return out;
}

std::vector<std::string> long_names(const CLI::App& command) {
  std::vector<std::string> out;
  for (const CLI::Option* option : command.get_options()) {
    const auto& names = option->get_lnames();
    out.insert(out.end(), names.begin(), names.end());
  }
  return out;
}

/// Whether the command has an option or an argument of that name: "--chip", "MODEL".
bool has(const CLI::App& command, const std::string& name) {
  return std::ranges::any_of(command.get_options(),
                             [&](const CLI::Option* option) { return option->check_name(name); });
}

/// The words behind "membudget" that name a command: "record import".
std::string path_of(const CLI::App& command) {
  if (command.get_parent() == nullptr) return "";
  const std::string before = path_of(*command.get_parent());
  return before.empty() ? command.get_name() : before + " " + command.get_name();
}

/// What to do instead, as the end of a sentence; empty when nobody knows.
std::string instead_of(const std::string& name, const CLI::App& command) {
  const auto* other = std::ranges::find(other_names, std::string_view(name), &OtherName::name);
  const std::string known(other == std::end(other_names) ? std::string_view(name) : other->option);
  if (has(command, "--" + known)) return fmt::format("; did you mean --{}?", known);
  if (known == "ctx-size" && command.get_name() == "max-context") {
    return ": max-context looks for the largest context, plan takes one";
  }
  if (known == "model" && has(command, "MODEL")) return "; MODEL stands without one";
  const std::string near = nearest_word(name, long_names(command));
  return near.empty() ? "" : fmt::format("; did you mean --{}?", near);
}

std::string unknown_option(const std::string& argument, const CLI::App& command) {
  const std::string typed = argument.substr(0, argument.find('='));
  if (has(command, typed)) {
    return fmt::format("{0} stands before the command; write membudget {1} {0}", typed,
                       path_of(command));
  }
  return fmt::format("there is no option '{}'{}", typed, instead_of(bare_name(argument), command));
}

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string> words) {
  const auto near = membudget::nearest_names(word, words, 1);
  return near.empty() ? "" : near.front();
}

std::string unknown_command(std::string_view word, std::span<const std::string> commands) {
  const std::string meant = nearest_word(word, commands);
  return fmt::format("there is no command '{}'{}", word,
                     meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
}

std::string unknown_argument(const CLI::App& program) {
  auto arguments = program.remaining(true);
  std::erase(arguments, "--");
  if (arguments.empty()) return "";
  const auto option = std::ranges::find_if(
      arguments, [](const std::string& each) { return each.size() > 1 && each.starts_with('-'); });
  return option == arguments.end() ? fmt::format("there is no place for '{}'", arguments.front())
                                   : unknown_option(*option, named_command(program));
}

const CLI::App& named_command(const CLI::App& program) {
  const auto commands = program.get_subcommands();
  return commands.empty() ? program : named_command(*commands.front());
}

std::string with_help_of(const CLI::App& command, const std::string& problem) {
  const std::string path = path_of(command);
  return fmt::format("{} membudget {}--help",
                     problem.ends_with('?') ? problem + " See" : problem + "; see",
                     path.empty() ? "" : path + " ");
}
