// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "membudget/plan.hpp"

namespace membudget {

/// The context that llama.cpp chooses when nobody asks for one (b10587, common/fit.cpp, step 2):
/// what the model was trained for, once for every slot with a cache of its own; where that leaves
/// less free than `runtime.fit` wants, as much as a straight line between it and the least context
/// allows, or the least one. Nothing where a context is asked for or comes with the model, the
/// runtime does not look, or the model does not say for what it was trained.
/// What llama.cpp measures for it without allocating differs a little from what it then allocates,
/// where Metal reorders by addresses (sliding windows with a quantized cache): some steps of 256.
[[nodiscard]] std::optional<std::int64_t> fitted_context(const Workload& workload,
                                                         const Runtime& runtime, const Model& model,
                                                         const Budget& budget);

/// Says where an unset context was lowered; empty where it was not. `asked` is the workload before
/// configured().
[[nodiscard]] std::string fitted_context_remark(const Workload& asked, const Runtime& runtime,
                                                const Model& model, const Footprint& footprint);

/// Whether llama.cpp would then move layers off the GPU (step 3), though all of them fit: less
/// stays free than it wants, and nobody said what the GPU gets. `footprint` is that of `workload`,
/// whatever runtime on llama.cpp it was planned for.
[[nodiscard]] bool fit_moves_layers(const Footprint& footprint, const Workload& workload,
                                    const Runtime& runtime, const Model& model,
                                    const Budget& budget);

/// Says so; empty where it does not.
[[nodiscard]] std::string moved_layers_remark(const Plan& plan, const Workload& workload,
                                              const Runtime& runtime, const Model& model);

}  // namespace membudget
