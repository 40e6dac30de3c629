// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "command.hpp"

namespace {

/// An option of a command as a shell completes it.
struct Flag {
  std::vector<std::string> names;  ///< "--chip", "-c"
  std::string help;
  std::string values;  ///< "chips": names of that kind; "": no value; "file"; else words.
};

struct Command {
  std::string name;
  std::string help;
  std::vector<Flag> flags;
  std::string arguments;  ///< What stands without an option, as Flag::values.
};

/// What an option's value is completed with, by its name.
std::string values_of(const CLI::Option& option) {
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return option.check_name(name); });
  };
  if (option.get_expected_max() == 0) return "";
  if (is({"--chip"})) return "chips";
  if (is({"--quant"})) return "quants";
  if (is({"--runtime"})) return "runtimes";
  if (is({"--draft", "--model", "--fallback"})) return "models";
  if (is({"--cache-type", "--cache-type-k", "--cache-type-v"})) {
    return "f16 bf16 f32 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl";
  }
  if (is({"--flash-attn"})) return "on off auto";
  if (is({"--for"})) return "ollama modelfile llama-server lmstudio mlx sysctl";
  if (is({"--format"})) return "text json markdown csv svg html github";
  if (is({"--macos"})) return "13 14 15 26";
  if (is({"--pooling"})) return "none mean cls last rank";
  if (is({"--load-mode"})) return "auto mmap mmap+mlock none mlock dio";
  if (is({"--task"})) return "chat code math exact";
  if (is({"--reserve"})) return "docker docker-postgres-qdrant busy-desktop";
  if (is({"--thermal-state"})) return "nominal fair serious critical";
  if (is({"--rating"})) return "1 2 3 4 5";
  if (is({"--profiles", "--output", "--records", "--readings", "--record"})) return "file";
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
      flag.help = option->get_description();
      flag.values = values_of(*option);
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

std::string join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string bash_words(std::string_view values) {
  return is_kind(values) ? fmt::format("\"$({})\"", names_command(values)) : shell_word(values);
}

std::string bash_script(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  std::string options;
  std::string values;
  std::string arguments;
  std::vector<std::string> known;
  for (const Command& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> flags{"--help"};
    for (const Flag& flag : command.flags) {
      for (const auto& name : flag.names) {
        if (name.starts_with("--") && name != "--help") flags.push_back(name);
        if (flag.values.empty() || std::ranges::find(known, name) != known.end()) continue;
        known.push_back(name);
        values += fmt::format("    {}) {} ;;\n", name,
                              flag.values == "file" ? "files=1"
                              : flag.values == "-"  ? "return"
                                                    : "words=" + bash_words(flag.values));
      }
    }
    options += fmt::format("      {}) words={} ;;\n", command.name, shell_word(join(flags)));
    const std::string& takes = command.arguments;
    arguments += fmt::format(
        "      {}) {} ;;\n", command.name,
        takes == "file" ? "files=1"
        : takes == "kinds"
            ? "case $before in show) words='chip model quant runtime stack' ;; "
              "chip|model|quant|runtime|stack) words=\"$(membudget list \"${before}s\" "
              "--quiet 2>/dev/null)\" ;; esac"
        : takes == "models" ? fmt::format("files=1; words=\"$({})\"", models_command(command.name))
                            : "words=" + shell_word(takes));
  }
  return fmt::format(R"(# bash completion of membudget: source <(membudget completion bash)
_membudget() {{
  local line="${{COMP_LINE:0:COMP_POINT}}" words='' files='' typed before command='' word
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
    case $before in
{values}    *) case $command in
{arguments}    esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$typed"))
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
                     fmt::arg("values", values), fmt::arg("arguments", arguments));
}

std::string zsh_values(std::string_view values) {
  if (values == "file") return "_files";
  if (values == "-") return " ";
  if (is_kind(values))
    return fmt::format("{{compadd -- ${{(f)\"$({})\"}}}}", names_command(values));
  return fmt::format("({})", values);
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
            flag.values.empty() ? "" : fmt::format(":value:{}", zsh_values(flag.values));
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

std::string fish_values(std::string_view values) {
  if (values == "file") return " -r -F";
  if (values == "-") return " -x";
  return " -x -a " + (is_kind(values) ? shell_word(fmt::format("({})", names_command(values)))
                                      : shell_word(values));
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
      for (const auto& name : flag.names) {
        names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      out += fmt::format("{}{} -d {}{}\n", when, names, shell_word(flag.help),
                         flag.values.empty() ? "" : fish_values(flag.values));
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
