// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "model/arch/transformer.hpp"

namespace membudget {

/// The experts of one layer as the keys that every mixture has state them: how many, how many
/// are used, how wide. How they are chosen is the architecture's business.
[[nodiscard]] Experts read_experts(const Metadata& metadata);

/// `expert_weights_scale`, for architectures that read it: 0 and 1 build no operation
/// (build_moe_ffn).
[[nodiscard]] bool weights_scaled(const Metadata& metadata);
/// `expert_gating_func`, for architectures that read it.
[[nodiscard]] Routing stated_routing(const Metadata& metadata, Routing fallback);
/// All three keys about routing, `expert_weights_norm` included.
void route_as_stated(const Metadata& metadata, Experts& experts, Routing fallback);

/// Layers from `leading_dense_block_count` on hold experts instead of one feed-forward.
void put_experts(const Metadata& metadata, Model& model, const Experts& experts);

/// The last `nextn_predict_layers` layers are in the file, but not in the graph. Whether they
/// get a cache depends on the architecture (llama-model.cpp:2430).
void mark_predicting_layers(const Metadata& metadata, Model& model, bool cached);

/// The tensors that the layers `describe` makes imply: attention, norms and feed-forwards with
/// their optional parts. `always` are suffixes of optional tensors that every file of the
/// architecture holds.
[[nodiscard]] std::vector<TensorShape> tensors_of_layers(
    const Metadata& metadata, OptionalTensors optional,
    void (*describe)(const Metadata& metadata, Model& model),
    std::initializer_list<std::string_view> always = {});

}  // namespace membudget
