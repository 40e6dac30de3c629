// SPDX-License-Identifier: MIT
#include "model_argument.hpp"

#include <fmt/format.h>

#include "output.hpp"
#include "progress_line.hpp"

namespace {

using namespace membudget;
void show(ProgressLine& line, const FetchProgress& progress) {
  line.show([&] {
    // The end of a name says more than its beginning, and 80 columns are left alone.
    constexpr std::size_t longest = 50;
    auto name = progress.source;
    if (name.size() > longest) name.remove_prefix(name.size() - longest);
    return fmt::format("reading {}: {}", name, to_text(progress.fetched));
  });
}

}  // namespace

void ModelOptions::add_to(CLI::App& command) {
  command
      .add_flag("--remote", remote,
                "Read an ollama: model that is not in the local store from its registry")
      ->group("Model");
  command.add_flag("--no-cache", no_cache, "Fetch headers anew and do not keep them")
      ->group("Model");
}

Model read_model(const std::string& name, const std::string& quantization, const Profiles& profiles,
                 const ModelOptions& options) {
  if (name.empty()) refuse_option("MODEL", "is empty; give a model, see membudget list models");
  ProgressLine line;
  ReadOptions read;
  read.remote = options.remote;
  read.cache = !options.no_cache;
  read.progress = [&](const FetchProgress& progress) { show(line, progress); };
  return read_at([&](const std::string& model,
                     const std::string& at) { return load_model(model, at, profiles, read); },
                 name, quantization);
}
