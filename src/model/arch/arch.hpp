// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "model/metadata.hpp"

namespace membudget {

/// A weight without its type: what a catalog entry implies before a quantization is chosen.
struct TensorShape {
  std::string name;
  std::array<std::int64_t, 4> shape{1, 1, 1, 1};
};

/// What a catalog entry says beyond metadata: which optional tensors its files hold, by their
/// suffix as in GGUF ("output.weight", "rope_freqs.weight", "attn_q.bias").
using OptionalTensors = std::span<const std::string>;

/// One architecture: how its metadata turns into layers, and which tensors its files hold.
struct Architecture {
  std::string_view name;  ///< GGUF general.architecture.
  /// Fills the layers and the model-wide facts that `metadata` and the tensors state.
  void (*describe)(const Metadata& metadata, Model& model);
  /// All tensors of a file with this metadata, in any order.
  std::vector<TensorShape> (*tensors)(const Metadata& metadata, OptionalTensors optional);
};

/// Every known architecture; a plain array, so that nothing depends on start-up order.
[[nodiscard]] std::span<const Architecture> architectures();
/// nullptr when unknown.
[[nodiscard]] const Architecture* find_architecture(std::string_view name);

/// The model that a file or a catalog entry describes. Of an unknown architecture it is an upper
/// bound with `not_understood` set. Throws Error{invalid_model} for metadata that contradicts
/// itself or says too little for a bound.
[[nodiscard]] Model describe_model(const Metadata& metadata, TensorTable tensors);

}  // namespace membudget
