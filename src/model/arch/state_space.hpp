// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "model/arch/transformer.hpp"

namespace membudget {

/// The numbers of Mamba's mixer, as llama.cpp reads them (keys "ssm.*").
/// Throws Error{invalid_model} for sizes that do not divide.
[[nodiscard]] Mamba read_mamba(const Metadata& metadata, int version);

/// Makes the layers without key-value heads recurrent.
void replace_attention(Model& model, const Mixer& recurrent);

/// The attention layers of a hybrid have no rotary positions.
void drop_rope(Model& model);

/// The tensors of a model whose layers `describe` tells apart by their mixers and
/// feed-forwards. `always` are suffixes of optional tensors that every file of this architecture
/// holds; `output_norm` is what the file calls the norm of the output.
[[nodiscard]] std::vector<TensorShape> hybrid_tensors(
    const Metadata& metadata, OptionalTensors optional,
    void (*describe)(const Metadata& metadata, Model& model), const Layout& layout = {},
    std::initializer_list<std::string_view> always = {},
    std::string_view output_norm = "output_norm");

}  // namespace membudget
