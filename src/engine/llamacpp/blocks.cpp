// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <string>

#include "engine/llamacpp/builder.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {

NodeId Builder::weight_of(const Tensor& tensor) {
  const auto index = static_cast<std::size_t>(&tensor - model_.tensors.all().data());
  const Storage storage = placement_.storage_for(index, layer_);
  NodeId& node = storage == Storage::gpu ? weights_[index] : weights_on_cpu_[index];
  if (node == no_node) {
    node = graph_.stored(tensor.type, tensor.shape, storage, placement_.range[index], true,
                         tensor.name);
  }
  return node;
}

// The layer's tensor, or no_node: an optional tensor's presence in the file decides whether the
// engine builds its operation.
NodeId Builder::weight(std::string_view suffix) {
  const Tensor* tensor = model_.tensors.find(layer_, suffix);
  return tensor == nullptr ? no_node : weight_of(*tensor);
}

NodeId Builder::required(std::string_view suffix) {
  const NodeId found = weight(suffix);
  if (found == no_node) {
    throw Error(Errc::invalid_model, model_.id,
                layer_ < 0 ? fmt::format("the tensor '{}' is missing", suffix)
                           : fmt::format("the tensor 'blk.{}.{}' is missing", layer_, suffix));
  }
  return found;
}

// Buffers of adapters are not marked as weights, so the scheduler does not choose a device by them.
NodeId Builder::attached(const Tensor& tensor, Storage storage, Range range) {
  return graph_.stored(tensor.type, tensor.shape, storage, range, false, tensor.name);
}

// build_cvec: every layer but the first has a row.
NodeId Builder::with_control_vector(NodeId x) {
  if (settings_.control_vector == nullptr || layer_ < 1) {
    return x;
  }
  constexpr std::int32_t buffer = 512;  // apart from all others; only ever read
  const bool on_gpu = placement_.layer_on_gpu[static_cast<std::size_t>(layer_)];
  const std::int64_t row = 4 * model_.embedding;
  const NodeId direction = graph_.stored(
      ElementType::f32, {model_.embedding, 1, 1, 1}, on_gpu ? Storage::gpu : Storage::cpu,
      {.buffer = buffer + (on_gpu ? 0 : 1), .begin = row * layer_, .end = row * (layer_ + 1)},
      false, "control_vector");
  return graph_.add(x, direction, "control_vector");
}

// build_lora_mm (llama-graph.cpp): what adapters add to the product.
NodeId Builder::adapted(NodeId weight, NodeId x, std::string_view label) {
  NodeId result = graph_.mul_mat(weight, x, label);
  const auto found = adaptation_.weights.find(graph_[weight].label);
  if (found == adaptation_.weights.end()) {
    return result;
  }
  for (const AdaptedWeight& pair : found->second) {
    const NodeId a = attached(*pair.a, pair.storage, pair.range_a);
    const NodeId b = attached(*pair.b, pair.storage, pair.range_b);
    const NodeId change =
        graph_.scale(graph_.mul_mat(b, graph_.mul_mat(a, x, "lora"), "lora"), "lora");
    result = graph_.add(result, change, label);
  }
  return result;
}

// build_lora_mm and the bias the file may hold.
NodeId Builder::linear(std::string_view name, NodeId x, std::string_view label) {
  const std::string base(name);
  NodeId result = adapted(required(base + ".weight"), x, label);
  if (const NodeId bias = weight(base + ".bias"); bias != no_node) {
    result = graph_.add(result, bias, label);
  }
  return result;
}

// The engine keeps a layer's norms on its device, unless the batch is large and some layers are
// not offloaded (llama_context::graph_get_cb, llama-context.cpp:2501).
Pin Builder::pin_to_layer() const {
  constexpr std::int64_t large_batch = 32;
  if (layer_ < 0 || (geometry_.tokens >= large_batch && !placement_.full_offload)) {
    return Pin::none;
  }
  return placement_.layer_on_gpu[static_cast<std::size_t>(layer_)] ? Pin::metal : Pin::cpu;
}

// build_norm: the weight and bias are applied where the file holds them.
NodeId Builder::norm(std::string_view name, NodeId x, NormKind kind) {
  const std::string base(name);
  const NodeId scale = weight(base + ".weight");
  const NodeId bias = weight(base + ".bias");
  NodeId result = graph_.unary_like(kind == NormKind::rms ? Op::rms_norm : Op::norm, x, name);
  if (scale != no_node || bias != no_node) {
    graph_[result].pin = pin_to_layer();
  }
  if (scale != no_node) {
    result = graph_.mul(result, scale, name);
  }
  if (bias != no_node) {
    result = graph_.add(result, bias, name);
  }
  return result;
}

// For norms that only some models of an architecture have.
NodeId Builder::optional_norm(std::string_view name, NodeId x, NormKind kind) {
  return weight(std::string(name) + ".weight") == no_node ? x : norm(name, x, kind);
}

// The norm by the name under which the file holds it, if any.
NodeId Builder::first_norm(std::initializer_list<std::string_view> names, NodeId x, NormKind kind) {
  for (const std::string_view name : names) {
    if (weight(std::string(name) + ".weight") != no_node) {
      return norm(name, x, kind);
    }
  }
  return x;
}

NodeId Builder::positions() {
  if (positions_ == no_node) {
    positions_ = graph_.input(ElementType::i32, {geometry_.tokens * model_.position_axes, 1, 1, 1},
                              "positions");
  }
  return positions_;
}

NodeId Builder::rope(NodeId x, bool with_factors) {
  if (!with_factors) {
    return graph_.rope(x, positions());
  }
  // llama_model::get_rope_factors: one table for all layers; longrope has two and takes the
  // long one for contexts beyond what the model was first trained on.
  const Tensor* factors = model_.tensors.find("rope_freqs.weight");
  if (factors == nullptr) {
    factors = model_.tensors.find(geometry_.cells > model_.original_context
                                      ? "rope_factors_long.weight"
                                      : "rope_factors_short.weight");
  }
  return graph_.rope(x, positions(), factors == nullptr ? no_node : weight_of(*factors));
}

// build_inp_attn_scale
NodeId Builder::temperature() {
  if (temperature_ == no_node) {
    temperature_ = graph_.input(ElementType::f32, {1, 1, geometry_.tokens, 1}, "temperature");
  }
  return temperature_;
}

}  // namespace membudget::llamacpp
