// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/plan.hpp"
#include "membudget/settings.hpp"

namespace membudget::test {

// Reads printed settings the way the programs they are meant for do, without the code that wrote
// them.

/// The commands of a POSIX script, each as its words; comments are left out and a here-document is
/// one more word of its command. Knows quotes, not expansion. A leading `~` or `$` stays as it is.
[[nodiscard]] std::vector<std::vector<std::string>> shell_commands(std::string_view script);

/// What a llama-server command line asks for, its model left out. Throws std::runtime_error for an
/// option that is not known.
[[nodiscard]] Workload read_llama_server(const std::vector<std::string>& words);

/// The instructions of a Modelfile in Ollama's own reading (parser/parser.go): lower-case name and
/// value; PARAMETER has the parameter's name. Throws std::runtime_error where Ollama gives up.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> read_modelfile(
    std::string_view text);

/// What Ollama would ask of its llama-server on that machine.
[[nodiscard]] Workload read_ollama(
    const std::map<std::string, std::string>& environment,
    const std::vector<std::pair<std::string, std::string>>& modelfile, const Model& model,
    const Budget& budget);

/// What an mlx_lm.server command line asks for, defaults included (mlx_lm/server.py:1822-1849): as
/// many requests at once as it decodes. Throws std::runtime_error for an option that is not known.
[[nodiscard]] Workload read_mlx_server(const std::vector<std::string>& words);

/// What LM Studio would ask of llama.cpp, from the defaults of a model.
[[nodiscard]] Workload read_lmstudio(const std::string& json, const Model& model);

}  // namespace membudget::test
