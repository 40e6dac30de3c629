// SPDX-License-Identifier: MIT
#include "ollama_options.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <vector>

#include "output.hpp"

using namespace membudget;

namespace {

/// The environment's variables that Ollama reads.
std::map<std::string, std::string> environment(const OllamaRules& rules) {
  const auto& names = rules.variables;
  std::map<std::string, std::string> out;
  for (const auto& name :
       {names.context, names.parallel, names.cache_type, names.flash_attention, names.gpu_overhead,
        names.loaded_models, names.keep_alive, names.fit_target}) {
    if (const char* value = std::getenv(name.c_str()); value != nullptr) out[name] = value;
  }
  return out;
}

void warn(const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) fmt::print(stderr, "membudget: {}\n", warning);
}

}  // namespace

std::optional<Modelfile> modelfile_of(const std::string& file) {
  if (file.empty()) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in || text.empty()) {
    throw Error(Errc::io, file, "cannot be read, or is empty; check the path");
  }
  constexpr std::size_t longest = std::size_t{1} << 20;
  if (text.size() > longest) {
    throw Error(Errc::io, file, "has more than 1 MiB, which no Modelfile has");
  }
  try {
    return read_modelfile(file, text);
  } catch (const Error& error) {
    // The command line is right; what it names is not.
    throw Error(Errc::invalid_profile, error.where(), problem(error));
  }
}

std::string model_name(const std::string& model, const std::string& file,
                       const std::optional<Modelfile>& modelfile) {
  if (!model.empty() || !modelfile) return model;
  const std::string& from = modelfile->from;
  if (from.starts_with("hf.co/") || from.starts_with("huggingface.co/")) {
    return "hf:" + from.substr(from.find('/') + 1);
  }
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path beside = fs::path(file).parent_path() / from;
  return fs::exists(beside, ignored) ? beside.string() : from;
}

Workload with_modelfiles_own(Workload workload, const std::optional<Modelfile>& modelfile,
                             const Runtime& runtime) {
  if (!runtime.ollama || !modelfile) return workload;
  warn(modelfile->warnings);
  return with_modelfile(std::move(workload), *modelfile);
}

Runtime with_environment(Runtime runtime) {
  std::vector<std::string> warnings;
  const auto variables = environment(*runtime.ollama);
  auto out = with_ollama_environment(std::move(runtime), variables, warnings);
  warn(warnings);
  return out;
}
