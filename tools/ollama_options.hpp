// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "membudget/membudget.hpp"

// Where Ollama's own settings come in: a Modelfile, and the environment of its server. What they
// say that is not planned for goes to standard error.

/// Nothing without a file. Throws Error{io}, and Error{invalid_profile} with `file:line`.
[[nodiscard]] std::optional<membudget::Modelfile> modelfile_of(const std::string& file);

/// What is planned: MODEL, else what the Modelfile is made from. A tag there means Ollama's
/// library, which the catalog knows by the same names; a path counts from where the Modelfile lies.
[[nodiscard]] std::string model_name(const std::string& model, const std::string& file,
                                     const std::optional<membudget::Modelfile>& modelfile);

/// A runtime of Ollama as the server that this process's environment would start.
[[nodiscard]] membudget::Runtime with_environment(membudget::Runtime runtime);

/// The workload with the Modelfile's parameters where the command line left them open. Other
/// runtimes' stays as it is.
[[nodiscard]] membudget::Workload with_modelfiles_own(
    membudget::Workload workload, const std::optional<membudget::Modelfile>& modelfile,
    const membudget::Runtime& runtime);
