// SPDX-License-Identifier: MIT
#include "engine/mlx/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "membudget/error.hpp"

namespace membudget::mlx {
namespace {

/// MLX has no use for rotary tables: it computes them.
constexpr std::string_view rotary = "rope_";

void refuse_gguf(const Model& model) {
  if (model.source != ModelSource::catalog && !model.checkpoint) {
    throw Error(Errc::bad_request, "MODEL",
                fmt::format("{} is a GGUF, which MLX does not read; name the model as in the "
                            "catalog with --quant 4bit, or give its folder of safetensors",
                            model.id));
  }
}

void refuse_type(const Model& model, const Tensor& tensor) {
  const ElementFormat& format = format_of(tensor.type);
  // Two of ggml's types are MLX's as well.
  const bool shared = tensor.type == ElementType::mxfp4 || tensor.type == ElementType::nvfp4;
  if (format.quantized && format.ggml_id >= 0 && !shared) {
    throw Error(Errc::bad_request, "--quant",
                fmt::format("'{}' is a quantization of GGUF, which MLX does not read; use one of "
                            "MLX such as 4bit",
                            model.quantization));
  }
}

void allocate(Weights& out, Bytes size, Bytes page) {
  // Small arrays share pages (mlx/backend/metal/allocator.cpp:123-126).
  out.bytes += size > page ? Bytes(round_up(size.count(), page.count())) : size;
  out.stored += size;
  out.largest = std::max(out.largest, size);
  ++out.arrays;
}

void allocate(Weights& out, const Tensor& tensor, Bytes page) {
  const ElementFormat& format = format_of(tensor.type);
  if (!format.quantized) {
    allocate(out, tensor.size(), page);
    return;
  }
  // Affine types have a scale and a bias of 16 bits per group, the others a scale of 8.
  const bool affine = format.name.find("bit-g") != std::string_view::npos;
  const std::int64_t groups = tensor.elements() / format.block_elements;
  const Bytes scales(checked_multiply(groups, affine ? 2 : 1));
  const Bytes packed = tensor.size() - (affine ? scales + scales : scales);
  allocate(out, packed, page);
  allocate(out, scales, page);
  if (affine) {
    allocate(out, scales, page);
  }
}

bool holds_any(std::string_view name, const std::vector<std::string>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
    return name.find(part) != std::string_view::npos;
  });
}

/// N of "model.layers.N."; -1 outside the layers.
std::int64_t layer_in(std::string_view name) {
  constexpr std::string_view marker = "layers.";
  const auto at = name.find(marker);
  if (at == std::string_view::npos) {
    return -1;
  }
  std::int64_t number = -1;
  for (const char c : name.substr(at + marker.size())) {
    if (c < '0' || c > '9' || number > 100'000) {
      break;
    }
    number = (number < 0 ? 0 : number * 10) + (c - '0');
  }
  return number;
}

Weights of_folder(const Model& model, const MlxRules& rules) {
  Weights out;
  out.basis = Basis::file;
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  for (const Checkpoint::Stored& tensor : model.checkpoint->tensors) {
    // Layers behind the last one only draft.
    // Towers have layers of their own.
    const bool tower = holds_any(tensor.name, rules.towers);
    const bool kept = tower ? rules.loads_towers : layer_in(tensor.name) < layers;
    if (!kept || holds_any(tensor.name, rules.dropped)) {
      out.dropped += tensor.size;
    } else {
      allocate(out, tensor.size, rules.page);
    }
  }
  return out;
}

}  // namespace

Weights weights(const Model& model, const MlxRules& rules) {
  refuse_gguf(model);
  if (model.checkpoint && model.quantization == model.checkpoint->quantization) {
    return of_folder(model, rules);
  }
  Weights out;
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  for (const Tensor& tensor : model.tensors.all()) {
    refuse_type(model, tensor);
    if (TensorTable::layer_of(tensor.name) >= layers || tensor.name.starts_with(rotary)) {
      out.dropped += tensor.size();
    } else {
      allocate(out, tensor, rules.page);
    }
  }
  const bool guessed =
      model.types_assumed || !model.not_understood.empty() || rules.own_quantization;
  out.basis = guessed ? Basis::assumed : Basis::formula;
  return out;
}

}  // namespace membudget::mlx
