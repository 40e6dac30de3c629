// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "membudget/attachments.hpp"
#include "membudget/model.hpp"
#include "source/gguf.hpp"

namespace membudget {

/// The model that a header describes. `where` names the file in faults and `id` becomes the
/// model's. Data that the file does not hold yet is planned and noted.
/// Throws Error{unsupported} for what is no model by itself (a projector, an adapter, an
/// importance matrix), Error{invalid_model} when there are no tensors.
[[nodiscard]] Model model_of(Gguf gguf, const std::string& where, std::string id);

/// A projector or an adapter as a companion of a model; nullopt when the header is neither.
[[nodiscard]] std::optional<Companion> companion_of(const Gguf& gguf, const std::string& name);

/// What belongs to a model, from its header; `where` names the file in faults.
/// Each throws Error{unsupported} for a file of another kind and Error{invalid_model} for one that
/// lacks what its kind has.
[[nodiscard]] Adapter adapter_of(const Gguf& gguf, const std::string& where, std::string name);
[[nodiscard]] ControlVector control_vector_of(const Gguf& gguf, const std::string& where,
                                              std::string name);
[[nodiscard]] Projector projector_of(const Gguf& gguf, const std::string& where, std::string name);

}  // namespace membudget
