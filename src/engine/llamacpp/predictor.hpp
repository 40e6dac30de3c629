// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/footprint.hpp"
#include "membudget/model.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// The block that a model drafts with, as a model of one layer that shares the model's weights: the
/// file's first block behind the last layer, the embedding, the output (llama-model.cpp:2326-2425,
/// llama.cpp b10587).
[[nodiscard]] Model predictor_of(const Model& model);

/// The context it runs in: as long as the model's after padding, cache types of its own, a row of
/// logits per slot, nothing to take back (speculative.cpp:2340-2398).
[[nodiscard]] Settings predictor_settings(const Model& model, const Settings& settings);

/// Whether its graph has been measured; only Qwen 3.5's has.
[[nodiscard]] bool predictor_graph_known(const Model& model);

/// Where it is not: the caches as they follow from its layer, and compute buffers as large as those
/// of `whole`, the model's own context; assumed.
[[nodiscard]] Footprint predictor_bound(const Model& model, const Settings& settings,
                                        const Footprint& whole);

}  // namespace membudget::llamacpp
