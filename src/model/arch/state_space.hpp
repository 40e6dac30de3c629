// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/model.hpp"
#include "model/arch/transformer.hpp"

namespace membudget {

/// The numbers of Mamba's mixer, as llama.cpp reads them (keys "ssm.*").
/// Throws Error{invalid_model} for sizes that do not divide.
[[nodiscard]] Mamba read_mamba(const Metadata& metadata, int version);

/// Tensors of one Mamba mixer. Version 1 holds norms of dt, B and C where listed; version 2
/// holds the norm of its result where `normed`.
void add_mamba(TensorList& list, std::int64_t layer, const Mamba& mamba, bool normed = true);

/// Makes the layers without key-value heads recurrent.
void replace_attention(Model& model, const Mixer& recurrent);

/// The attention layers of a hybrid have no rotary positions.
void drop_rope(Model& model);

}  // namespace membudget
