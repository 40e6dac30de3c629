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
/// What the engine asserts when it loads a model (llama.cpp b10587, llama-model.cpp:1150-1158);
/// throws Error with invalid_model.
void check_experts(const Metadata& metadata, const Experts& experts);

/// `expert_weights_scale`, for architectures that read it: 0 and 1 build no operation
/// (build_moe_ffn).
[[nodiscard]] bool weights_scaled(const Metadata& metadata);
/// `expert_gating_func`, for architectures that read it.
[[nodiscard]] Routing stated_routing(const Metadata& metadata, Routing fallback);
/// All three keys about routing, `expert_weights_norm` included.
void route_as_stated(const Metadata& metadata, Experts& experts, Routing fallback);

/// Which layers limit their gate and up projections, from a key like `swiglu_clamp_exp`: a number
/// per layer or one for all, of which those above zero build operations of the given kind.
[[nodiscard]] std::vector<Limit> read_limits(const Metadata& metadata, std::string_view key,
                                             std::size_t layers, Limit kind);

/// Layers that hold a router have experts instead of one feed-forward; without a tensor table,
/// those from `leading_dense_block_count` on.
void put_experts(const Metadata& metadata, Model& model, const Experts& experts);

/// Takes the last `nextn_predict_layers` layers, which only drafting uses, out of the model.
/// `cached` says whether the architecture gives them a cache (llama-model.cpp:2430).
void drop_draft_layers(const Metadata& metadata, Model& model, bool cached);

/// The router, the experts and the shared experts of one layer.
void list_experts(TensorList& list, const Experts& experts, std::int64_t layer);
/// What joins a block for drafting to the model.
void list_predictor(TensorList& list, std::int64_t layer);

/// The tensors of a model whose layers `describe` gives experts or one feed-forward. `always` are
/// suffixes of tensors that not every architecture has, but every file of this one.
[[nodiscard]] std::vector<TensorShape> mixture_tensors(
    const Metadata& metadata, OptionalTensors optional,
    void (*describe)(const Metadata& metadata, Model& model), const Layout& layout,
    std::initializer_list<std::string_view> always = {});

}  // namespace membudget
