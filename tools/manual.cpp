// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "membudget/version.h"

namespace {

/// Text as roff takes it: a hyphen that is typed is \-, and no line begins with a request.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += "\\&";
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string bold(std::string_view text) {
  return fmt::format("\\fB{}\\fR", roff(text));
}

/// "-b, --batch-size N"
std::string name_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back(bold("-" + name));
  for (const auto& name : option.get_lnames()) names.push_back(bold("--" + name));
  std::string out = fmt::format("{}", fmt::join(names, ", "));
  if (names.empty()) out = fmt::format("\\fI{}\\fR", roff(option.get_name()));
  if (!names.empty() && option.get_expected_max() != 0) {
    out += fmt::format(" \\fI{}\\fR", roff(option.get_type_name()));
  }
  return out;
}

std::string command_text(const CLI::App& command) {
  std::vector<const CLI::Option*> arguments;
  std::vector<const CLI::Option*> options;
  for (const CLI::Option* option : command.get_options()) {
    if (option->check_name("--help")) continue;  // Every command has it.
    (option->get_positional() ? arguments : options).push_back(option);
  }
  std::string synopsis = bold("membudget " + command.get_name());
  if (!options.empty()) synopsis += " [\\fIOPTIONS\\fR]";
  for (const CLI::Option* argument : arguments) {
    const std::string name = fmt::format("\\fI{}\\fR", roff(argument->get_name()));
    const std::string many = argument->get_expected_max() > 1 ? " ..." : "";
    synopsis += argument->get_required() ? fmt::format(" {}{}", name, many)
                                         : fmt::format(" [{}{}]", name, many);
  }
  std::string out = fmt::format(".SS {}\n{}\n.PP\n{}\n", roff(command.get_name()), synopsis,
                                roff(command.get_description()));
  for (const auto* list : {&arguments, &options}) {
    for (const CLI::Option* option : *list) {
      out += fmt::format(".TP\n{}\n{}\n", name_of(*option), roff(option->get_description()));
    }
  }
  return out;
}

constexpr std::string_view head = R"(.SH NAME
membudget \- predicts the memory of language models on Apple Silicon
.SH SYNOPSIS
.B membudget
.I COMMAND
[\fIOPTIONS\fR] [\fIMODEL\fR]
.SH DESCRIPTION
Says before anything is downloaded whether a language model fits a Mac, what takes how much of its
memory, how far its context can go and how fast it will be.
The compute buffer is not guessed: the engine that allocates it is simulated.
.PP
.I MODEL
is a name of the catalog (qwen2.5\-coder:32b), a .gguf file, a folder of safetensors,
ollama:NAME[:TAG], hf:ORG/REPO[:QUANT|:FILE] or the https address of a .gguf file.
Of a model that is elsewhere only the header is fetched, and only when
.I MODEL
or
.B \-\-remote
asks for it.
.PP
Results go to standard output, everything else to standard error.
.B \-\-json
prints what a program may read: membudget.plan/1 follows plan.schema.json in profiles/schema of the
sources, and so on; errors follow error.schema.json.
Options have llama.cpp's names.
)";

constexpr std::string_view tail = R"(.SH EXIT STATUS
.TP
.B 0
The model fits; what was asked for was done.
.TP
.B 1
It does not fit; profiles have faults; a prediction is outside its tolerance.
.TP
.B 2
Wrong usage.
.TP
.B 3
A model that cannot be read.
.TP
.B 4
A server that cannot be reached.
.TP
.BR 10 ", " 11
Of
.BR "health \-\-exit\-code" :
downgrade, upgrade.
.SH ENVIRONMENT
.TP
.B HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE
As the Hugging Face hub's own tools have them.
.TP
.B OLLAMA_*
Ollama's settings, with
.BR \-\-from\-env ;
OLLAMA_MODELS is where its store is looked for.
.TP
.B NO_COLOR
No colours, on a terminal either.
.SH FILES
.TP
.I ~/.cache/membudget
Headers of models that were fetched (~/Library/Caches/membudget on macOS).
.TP
.I ~/.local/share/membudget
What
.B record
keeps, unless XDG_DATA_HOME says otherwise.
.SH EXAMPLES
.nf
membudget plan qwen2.5\-coder:32b \-\-chip m1\-max\-32gb \-c 16k \-\-cache\-type q8_0
membudget max\-context llama3.1:70b \-\-chip m4\-max\-128gb \-\-quiet
membudget recommend \-\-task coding \-\-chip m1\-max\-32gb
membudget plan X && ollama pull X
.fi
)";

std::string manual_page(const CLI::App& program) {
  std::string out = fmt::format(
      ".\\\" Written by membudget manual.\n.TH MEMBUDGET 1 \"\" \"membudget {}\" \"User "
      "Commands\"\n{}"
      ".SH OPTIONS\n",
      MEMBUDGET_VERSION, head);
  for (const CLI::Option* option : program.get_options()) {
    out += fmt::format(".TP\n{}\n{}\n", name_of(*option), roff(option->get_description()));
  }
  out += ".SH COMMANDS\nEach has its own\n.BR \\-\\-help .\n";
  for (const CLI::App* command : program.get_subcommands({})) out += command_text(*command);
  out += tail;
  return out;
}

}  // namespace

void add_manual(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("manual", "The manual page, for man");
  command->callback([&program, &exit] {
    write_result(manual_page(program), "");
    exit = exit_fits;
  });
}
