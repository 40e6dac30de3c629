// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "plan_options.hpp"

namespace {

using namespace membudget;

/// An option of a command as a shell completes it.
struct Flag {
  std::vector<std::string> names;  ///< "--chip", "-c", "-ctk"
  std::string help;
  std::string values;  ///< "chips": names of that kind; "": no value; "file"; "-"; else words.
  bool list = false;   ///< Several values with commas between them.
};

struct Command {
  std::string name;
  std::string help;
  std::vector<Flag> flags;
  std::string arguments;  ///< What stands without an option, as Flag::values.
};

std::string join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

/// The words that a description begins with: "text, json or github (annotations)", behind
/// llama.cpp's short option "-fa; on, off or auto".
std::string listed_words(std::string_view description) {
  if (description.starts_with('-')) description.remove_prefix(description.find("; ") + 2);
  description = description.substr(0, description.find_first_of(";("));
  std::vector<std::string> out;
  while (!description.empty()) {
    const auto end = std::min(description.find(", "), description.find(" or "));
    const std::string_view item = description.substr(0, end);
    const auto last = std::min(item.find_last_not_of(' ') + 1, item.size());
    // Words that say something of them, and are none of them: "html, which is the default".
    if (item.substr(0, last).find(' ') != std::string_view::npos) break;
    out.emplace_back(item.substr(0, last));
    if (end == std::string_view::npos) break;
    description.remove_prefix(end + (description[end] == ',' ? 2 : 4));
  }
  return join(out);
}

/// What `recommend` can be asked for with MODEL and without.
std::string tasks() {
  const auto profiles = Profiles::embedded();
  std::vector<std::string> out = profiles.advice_rules().tasks;
  for (const TaskRules& task : profiles.capability_rules().tasks) {
    if (std::ranges::find(out, task.name) == out.end()) out.push_back(task.name);
  }
  return join(out);
}

std::string reserves() {
  std::vector<std::string> out;
  for (const ReservePreset& preset : Profiles::embedded().reserves()) out.push_back(preset.id);
  return join(out);
}

/// The names of all values of an enumeration.
template <class Values>
std::string names_of_all(const Values& values) {
  std::vector<std::string> out;
  out.reserve(std::size(values));
  for (const auto value : values) out.emplace_back(to_string(value));
  return join(out);
}

/// What an option's value is completed with, by its type and its name.
std::string values_of(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return "";
  const std::string type = option.get_type_name();
  if (type == "FILE" || type == "FILE:SCALE" || type == "DIR") return "file";
  if (type == "MODEL") return "models";
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return option.check_name(name); });
  };
  if (is({"--chip"})) return "chips";
  if (is({"--quant"})) return "quants";
  if (is({"--runtime"})) return "runtimes";
  if (is({"--cache-type", "--cache-type-k", "--cache-type-v", "--cache-type-k-draft",
          "--cache-type-v-draft"})) {
    return "f16 bf16 f32 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl";
  }
  if (is({"--format", "--flash-attn", "--link", "--thermal-state", "--complexity", "--quality",
          "--performance"})) {
    return listed_words(option.get_description());
  }
  if (is({"--for"})) return names_of_all(settings_formats);
  if (is({"--distribute"})) {
    return names_of_all(
        std::array{Distribution::llama_rpc, Distribution::mlx_tensor, Distribution::mlx_pipeline});
  }
  if (is({"--task"})) return tasks();
  if (is({"--reserve"})) return reserves();
  if (is({"--macos"})) return "13 14 15 26";
  if (is({"--pooling"})) return "none mean cls last rank";
  if (is({"--load-mode"})) return "auto mmap mmap+mlock none mlock dio";
  if (is({"--rating"})) return "1 2 3 4 5";
  return "-";
}

std::string arguments_of(const std::string& command) {
  if (command == "list") return "chips models quants runtimes stacks";
  if (command == "show") return "kinds";
  if (command == "check" || command == "verify") return "file";
  if (command == "calibrate") return "";
  if (command == "completion") return "bash zsh fish";
  if (command == "detect" || command == "manual") return "";
  return "models";
}

std::vector<Command> commands_of(const CLI::App& program) {
  std::vector<Command> out;
  for (const CLI::App* command : program.get_subcommands({})) {
    Command& entry = out.emplace_back();
    entry.name = command->get_name();
    entry.help = command->get_description();
    entry.arguments = arguments_of(entry.name);
    for (const CLI::Option* option : command->get_options()) {
      Flag flag;
      for (const auto& name : option->get_lnames()) flag.names.push_back("--" + name);
      for (const auto& name : option->get_snames()) flag.names.push_back("-" + name);
      for (const ShortOption& each : short_options()) {
        if (option->check_name(std::string(each.option))) flag.names.emplace_back(each.name);
      }
      flag.help = option->get_description();
      flag.values = values_of(*option);
      flag.list = option->get_type_name() == "LIST";
      if (!flag.names.empty()) entry.flags.push_back(std::move(flag));
    }
  }
  return out;
}

/// A word in single quotes for a POSIX shell; fish reads it the same way.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

bool is_kind(std::string_view values) {
  return values == "chips" || values == "models" || values == "quants" || values == "runtimes" ||
         values == "stacks";
}

/// Names are asked for when they are needed, so that they are those of the installed program.
std::string names_command(std::string_view kind) {
  return fmt::format("membudget list {} {} 2>/dev/null", kind,
                     kind == "models" ? "--names" : "--quiet");
}

/// What completes a MODEL of a command; a stack is named in the same place.
std::string models_command(const std::string& command) {
  return names_command("models") + (command == "stack" ? "; " + names_command("stacks") : "");
}

std::string bash_words(std::string_view values) {
  return is_kind(values) ? fmt::format("\"$({})\"", names_command(values)) : shell_word(values);
}

/// What bash does for the value of an option.
std::string bash_value(const Flag& flag) {
  if (flag.values == "file") return "files=1";
  if (flag.values == "-") return "return";
  return fmt::format("{}words={}", flag.list ? "list=1; " : "", bash_words(flag.values));
}

/// The branches of a case over "COMMAND OPTION". What most commands do for an option stands after
/// what few of them do otherwise.
std::string bash_values(const std::vector<Command>& commands) {
  std::string of_one_command;
  std::string of_all;
  std::map<std::string, std::string> first;  // By option.
  for (const Command& command : commands) {
    for (const Flag& flag : command.flags) {
      if (flag.values.empty()) continue;
      for (const std::string& name : flag.names) {
        const std::string value = bash_value(flag);
        const auto [known, fresh] = first.emplace(name, value);
        if (fresh) of_all += fmt::format("    *' {}') {} ;;\n", name, value);
        if (known->second == value) continue;
        of_one_command += fmt::format("    '{} {}') {} ;;\n", command.name, name, value);
      }
    }
  }
  return of_one_command + of_all;
}

std::string bash_arguments(const Command& command) {
  if (command.arguments == "file") return "files=1";
  if (command.arguments == "kinds") {
    return "case $before in show) words='chip model quant runtime stack' ;; "
           "chip|model|quant|runtime|stack) words=\"$(membudget list \"${before}s\" "
           "--quiet 2>/dev/null)\" ;; esac";
  }
  if (command.arguments == "models") {
    return fmt::format("files=1; words=\"$({})\"", models_command(command.name));
  }
  return "words=" + shell_word(command.arguments);
}

std::string bash_script(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  std::string options;
  std::string arguments;
  for (const Command& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> flags{"--help"};
    for (const Flag& flag : command.flags) {
      for (const auto& name : flag.names) {
        if (name.starts_with("--") && name != "--help") flags.push_back(name);
      }
    }
    options += fmt::format("      {}) words={} ;;\n", command.name, shell_word(join(flags)));
    arguments += fmt::format("      {}) {} ;;\n", command.name, bash_arguments(command));
  }
  return fmt::format(R"(# bash completion of membudget: source <(membudget completion bash)
_membudget() {{
  local line="${{COMP_LINE:0:COMP_POINT}}" words='' files='' list='' typed before command='' word
  typed="${{line##* }}"
  read -ra word <<< "${{line% *}}"
  before="${{word[${{#word[@]}}-1]}}"
  for word in "${{word[@]:1}}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  if [ -z "$command" ]; then
    words='{names} --help --version'
  elif [[ $typed == -* ]]; then
    case $command in
{options}    esac
  else
    case "$command $before" in
{values}    *) case $command in
{arguments}    esac ;;
    esac
  fi
  # Of a list what is before the last comma stays.
  if [[ -n $list && $typed == *,* ]]; then list="${{typed%,*}},"; else list=''; fi
  COMPREPLY=($(compgen -P "$list" -W "$words" -- "${{typed#"$list"}}"))
  [ -n "$files" ] && COMPREPLY+=($(compgen -f -- "$typed"))
  # bash takes a tag's colon for the end of a word, so what is before it must not be repeated.
  if [[ $typed == *:* && $COMP_WORDBREAKS == *:* ]]; then
    local i
    for i in "${{!COMPREPLY[@]}}"; do COMPREPLY[i]="${{COMPREPLY[i]#"${{typed%:*}}:"}}"; done
  fi
}}
complete -F _membudget membudget
)",
                     fmt::arg("names", join(names)), fmt::arg("options", options),
                     fmt::arg("values", bash_values(commands)), fmt::arg("arguments", arguments));
}

std::string zsh_values(std::string_view values, bool list = false) {
  if (values == "file") return "_files";
  if (values == "-") return " ";
  if (!is_kind(values) && !list) return fmt::format("({})", values);
  const std::string words = is_kind(values)
                                ? fmt::format("${{(f)\"$({})\"}}", names_command(values))
                                : std::string(values);
  return fmt::format("{{{}{}}}", list ? "_sequence compadd - " : "compadd -- ", words);
}

/// Brackets and colons part the pieces of a specification of _arguments.
std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_script(const std::vector<Command>& commands) {
  std::string names;
  std::string cases;
  for (const Command& command : commands) {
    names += fmt::format("    {}\n", shell_word(command.name + ":" + zsh_escaped(command.help)));
    std::string specs;
    for (const Flag& flag : command.flags) {
      for (const auto& name : flag.names) {
        const std::string value =
            flag.values.empty() ? "" : fmt::format(":value:{}", zsh_values(flag.values, flag.list));
        specs +=
            fmt::format(" \\\n        {}",
                        shell_word(fmt::format("{}[{}]{}", name, zsh_escaped(flag.help), value)));
      }
    }
    const std::string takes =
        command.arguments == "kinds"
            ? "'1:kind:(chip model quant runtime stack)' '2:id:{compadd -- ${(f)\"$(membudget list "
              "${words[CURRENT-1]}s --quiet 2>/dev/null)\"}}'"
        : command.arguments == "models"
            ? shell_word(fmt::format("*:model:{{compadd -- ${{(f)\"$({})\"}}; _files}}",
                                     models_command(command.name)))
            : shell_word(fmt::format("*:argument:{}", zsh_values(command.arguments)));
    cases += fmt::format("      {}) _arguments{} \\\n        {} ;;\n", command.name, specs, takes);
  }
  return fmt::format(R"(#compdef membudget
# zsh completion of membudget: membudget completion zsh > a folder of $fpath, as _membudget
_membudget() {{
  local -a commands=(
{names}  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}    esac
  fi
}}
if [ "$funcstack[1]" = _membudget ]; then _membudget "$@"; else compdef _membudget membudget; fi
)",
                     fmt::arg("names", names), fmt::arg("cases", cases));
}

std::string fish_values(const Flag& flag) {
  const std::string& values = flag.values;
  if (values.empty()) return "";
  if (values == "file") return " -r -F";
  if (values == "-") return " -x";
  std::string words = is_kind(values) ? fmt::format("({})", names_command(values)) : values;
  if (flag.list) {
    const std::string command =
        is_kind(values) ? names_command(values) : fmt::format("string split ' ' '{}'", values);
    words = fmt::format("(__fish_complete_list , \"{}\")", command);
  }
  return " -x -a " + shell_word(words);
}

/// "--chip", "-c" and "-ctk" as `complete` takes them.
std::string fish_name(const std::string& name) {
  if (name.starts_with("--")) return " -l " + name.substr(2);
  return (name.size() == 2 ? " -s " : " -o ") + name.substr(1);
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string out =
      "# fish completion of membudget: membudget completion fish | source\n"
      "complete -c membudget -f\n";
  for (const Command& command : commands) {
    out += fmt::format("complete -c membudget -n __fish_use_subcommand -a {} -d {}\n", command.name,
                       shell_word(command.help));
    const std::string when =
        fmt::format("complete -c membudget -n '__fish_seen_subcommand_from {}'", command.name);
    for (const Flag& flag : command.flags) {
      std::string names;
      for (const auto& name : flag.names) names += fish_name(name);
      out += fmt::format("{}{} -d {}{}\n", when, names, shell_word(flag.help), fish_values(flag));
    }
    if (command.arguments == "kinds") {
      out += when + " -a 'chip model quant runtime stack'\n";
      for (const char* kind : {"chip", "model", "quant", "runtime", "stack"}) {
        out += fmt::format(
            "complete -c membudget -n '__fish_seen_subcommand_from show; and "
            "__fish_seen_subcommand_from {0}' -a '(membudget list {0}s --quiet)'\n",
            kind);
      }
    } else if (command.arguments == "file") {
      out += when + " -F\n";
    } else if (command.arguments == "models") {
      out += when + fmt::format(" -F -a '({})'\n", models_command(command.name));
    } else {
      out += when + fmt::format(" -a {}\n", shell_word(command.arguments));
    }
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("completion", "Completion script for bash, zsh or fish");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &program, &exit] {
    const auto commands = commands_of(program);
    write_result(*shell == "bash"  ? bash_script(commands)
                 : *shell == "zsh" ? zsh_script(commands)
                                   : fish_script(commands),
                 "");
    exit = exit_fits;
  });
}
