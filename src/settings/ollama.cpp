// SPDX-License-Identifier: MIT
// Variables of Ollama's server: envconfig/config.go; `launchctl setenv` for the app: docs/faq.mdx.
#include "settings/ollama.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget::settings {
namespace {

using Variable = std::pair<std::string, std::string>;

std::vector<Variable> server_variables(const OllamaRun& ollama) {
  std::vector<Variable> out;
  if (ollama.slots != 1) out.emplace_back("OLLAMA_NUM_PARALLEL", std::to_string(ollama.slots));
  if (ollama.cache_type != ElementType::f16) {
    out.emplace_back("OLLAMA_KV_CACHE_TYPE", type_name(ollama.cache_type));
  }
  if (ollama.flash_attention != FlashAttention::automatic) {
    out.emplace_back("OLLAMA_FLASH_ATTENTION",
                     ollama.flash_attention == FlashAttention::on ? "1" : "0");
  }
  return out;
}

/// Parameters of a model that the server has no variable for.
std::vector<std::string> model_parameters(const OllamaRun& ollama) {
  std::vector<std::string> out;
  if (!ollama.batch_is_default) out.push_back(fmt::format("num_batch {}", ollama.num_batch));
  if (ollama.num_gpu >= 0) out.push_back(fmt::format("num_gpu {}", ollama.num_gpu));
  if (!ollama.mmap) out.emplace_back("use_mmap false");
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

}  // namespace

std::vector<std::string> ollama_lines(const PlannedRun& run) {
  const OllamaRun ollama = ollama_run(run);
  auto variables = server_variables(ollama);
  if (!ollama.context_is_default) {
    variables.insert(variables.begin(), {"OLLAMA_CONTEXT_LENGTH", std::to_string(ollama.num_ctx)});
  }
  std::vector<std::string> out;
  add_notes(ollama, out);
  if (const auto parameters = model_parameters(ollama); !parameters.empty()) {
    out.push_back(
        comment(fmt::format("No variable sets these; a Modelfile or the API's options do: {}",
                            fmt::join(parameters, ", "))));
  }
  if (variables.empty()) {
    out.push_back(comment("Ollama's defaults are the plan: no variable needs to be set."));
    return out;
  }
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

std::vector<std::string> modelfile_lines(const PlannedRun& run) {
  const OllamaRun ollama = ollama_run(run);
  std::vector<std::string> out;
  add_notes(ollama, out);
  if (const auto variables = server_variables(ollama); !variables.empty()) {
    std::vector<std::string> words;
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
