// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "membudget/plan.hpp"

namespace membudget::ollama {

/// configured() of Ollama. `runtime.ollama` must be set.
[[nodiscard]] Workload configured(const Workload& workload, const Runtime& runtime,
                                  const Model& model, const Budget& budget);

/// What its scheduler takes the plan for.
[[nodiscard]] OllamaView view(const Model& model, const Runtime& runtime,
                              const Footprint& footprint);

/// What surprises about the plan, a sentence each. `asked` is the workload before configured().
[[nodiscard]] std::vector<std::string> remarks(const Model& model, const Runtime& runtime,
                                               const Workload& asked,
                                               const std::optional<OllamaView>& view,
                                               const Footprint& footprint, const Budget& budget);

}  // namespace membudget::ollama
