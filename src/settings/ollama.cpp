// SPDX-License-Identifier: MIT
// Variables of Ollama's server: envconfig/config.go; `launchctl setenv` for the app: docs/faq.mdx;
// the container: docs/docker.mdx.
#include "settings/ollama.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget::settings {
namespace {

using Variable = std::pair<std::string, std::string>;

std::vector<Variable> server_variables(const PlannedRun& run, const OllamaRun& ollama) {
  const Settings& usual = run.ollama.defaults;
  const OllamaRules::Variables& names = run.ollama.ollama->variables;
  std::vector<Variable> out;
  if (ollama.slots != usual.parallel) {
    out.emplace_back(names.parallel, std::to_string(ollama.slots));
  }
  if (ollama.cache_type != usual.cache_type_k) {
    out.emplace_back(names.cache_type, type_name(ollama.cache_type));
  }
  if (ollama.flash_attention != usual.flash_attention) {
    out.emplace_back(names.flash_attention,
                     ollama.flash_attention == FlashAttention::on ? "1" : "0");
  }
  return out;
}

/// Parameters of a model that the server has no variable for.
std::vector<std::string> model_parameters(const OllamaRun& ollama) {
  std::vector<std::string> out;
  if (!ollama.batch_is_default) out.push_back(fmt::format("num_batch {}", ollama.num_batch));
  if (ollama.num_gpu >= 0) out.push_back(fmt::format("num_gpu {}", ollama.num_gpu));
  if (!ollama.mmap_is_default) {
    out.push_back(fmt::format("use_mmap {}", ollama.mmap ? "true" : "false"));
  }
  return out;
}

void add_notes(const OllamaRun& ollama, std::vector<std::string>& lines) {
  for (const std::string& note : ollama.notes) lines.push_back(comment(note));
}

/// What FROM takes: a file, a tag, or a GGUF repository of Hugging Face.
std::string source_of(const PlannedRun& run, std::vector<std::string>& lines) {
  const ModelNames& names = run.names;
  if (!names.file.empty()) return plain_path(names.file);
  if (!names.folder.empty()) return plain_path(names.folder);
  if (!names.ollama.empty()) {
    if (names.ollama_inferred) {
      lines.push_back(comment(fmt::format(
          "The tag is as Ollama's library names its tags; see https://ollama.com/library/{}/tags",
          names.ollama.substr(0, names.ollama.find(':')))));
    }
    return names.ollama;
  }
  if (!names.gguf_repository.empty()) {
    return fmt::format("hf.co/{}:{}", names.gguf_repository, run.model.quantization);
  }
  lines.push_back(comment(fmt::format("FROM: where your {} file is", title_of(run.model))));
  return "./" + usual_file(run);
}

/// What starts a command where Ollama's server is.
std::string_view shell_of(const PlannedRun& run) {
  return run.ollama.defaults.backend == Backend::cpu ? "docker exec -it ollama " : "";
}

/// `ollama run` takes neither a path nor a parameter: these come from a Modelfile.
std::vector<std::string> run_lines(const PlannedRun& run, bool with_variables,
                                   bool with_parameters) {
  const ModelNames& names = run.names;
  std::vector<std::string> out;
  if (with_variables && shell_of(run).empty()) {
    out.push_back(comment("Once the server has started with these:"));
  }
  const bool named = names.file.empty() && names.folder.empty() &&
                     !(names.ollama.empty() && names.gguf_repository.empty());
  if (!named || with_parameters) {
    out.push_back(
        comment("With what `membudget settings --for modelfile` prints, saved as Modelfile:"));
    if (!shell_of(run).empty()) out.emplace_back("docker cp Modelfile ollama:/Modelfile");
    out.push_back(fmt::format("{}ollama create my-model -f Modelfile", shell_of(run)));
    out.push_back(fmt::format("{}ollama run my-model", shell_of(run)));
    return out;
  }
  const std::string source = source_of(run, out);
  out.push_back(fmt::format("{}ollama {} {}", shell_of(run), run.model.logits ? "run" : "pull",
                            shell_word(source)));
  return out;
}

std::vector<std::string> server_lines(const PlannedRun& run, const OllamaRun& ollama,
                                      const std::vector<Variable>& variables,
                                      const std::vector<std::string>& parameters) {
  std::vector<std::string> out;
  add_notes(ollama, out);
  if (!parameters.empty()) {
    out.push_back(
        comment(fmt::format("No variable sets these; a Modelfile or the API's options do: {}",
                            fmt::join(parameters, ", "))));
  }
  if (run.ollama.defaults.backend == Backend::cpu) {
    std::string command = "docker run -d -v ollama:/root/.ollama -p 11434:11434 --name ollama";
    for (const auto& [name, value] : variables) {
      command += " -e " + shell_word(fmt::format("{}={}", name, value));
    }
    out.push_back(command + " ollama/ollama");
    return out;
  }
  if (variables.empty() && parameters.empty()) {
    out.push_back(comment("Ollama's defaults are the plan: no variable needs to be set."));
    return out;
  }
  if (variables.empty()) return out;
  out.push_back(comment("For Ollama.app; quit and open it afterwards:"));
  for (const auto& [name, value] : variables) {
    out.push_back(fmt::format("launchctl setenv {} {}", name, shell_word(value)));
  }
  out.push_back(comment("For `ollama serve` in this shell:"));
  for (const auto& [name, value] : variables) {
    out.push_back(fmt::format("export {}={}", name, shell_word(value)));
  }
  return out;
}

}  // namespace

OllamaLines ollama_lines(const PlannedRun& run) {
  const OllamaRun ollama = ollama_run(run);
  auto variables = server_variables(run, ollama);
  auto parameters = model_parameters(ollama);
  if (!ollama.context_is_default) {
    // A num_ctx that came with the model stands before the variable.
    if (run.model.default_context > 0) {
      parameters.insert(parameters.begin(), fmt::format("num_ctx {}", ollama.num_ctx));
    } else {
      variables.insert(variables.begin(),
                       {run.ollama.ollama->variables.context, std::to_string(ollama.num_ctx)});
    }
  }
  return {.server = server_lines(run, ollama, variables, parameters),
          .run = run_lines(run, !variables.empty(), !parameters.empty())};
}

std::vector<std::string> modelfile_lines(const PlannedRun& run) {
  const OllamaRun ollama = ollama_run(run);
  std::vector<std::string> out;
  add_notes(ollama, out);
  if (const auto variables = server_variables(run, ollama); !variables.empty()) {
    std::vector<std::string> words;
    words.reserve(variables.size());
    for (const auto& [name, value] : variables) words.push_back(fmt::format("{}={}", name, value));
    out.push_back(
        comment(fmt::format("Only the server's environment can set: {}", fmt::join(words, " "))));
  }
  const std::string source = source_of(run, out);
  if (const auto value = modelfile_value(source)) {
    out.push_back("FROM " + *value);
  } else {
    out.push_back(
        comment("FROM: Ollama cannot read this path from a Modelfile; rename the file: " + source));
  }
  if (!ollama.context_is_default)
    out.push_back(fmt::format("PARAMETER num_ctx {}", ollama.num_ctx));
  for (const std::string& parameter : model_parameters(ollama)) {
    out.push_back("PARAMETER " + parameter);
  }
  return out;
}

}  // namespace membudget::settings
