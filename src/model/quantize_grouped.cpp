// SPDX-License-Identifier: MIT
#include <string_view>
#include <utility>

#include "model/quantize.hpp"
#include "model/quantize_names.hpp"

namespace membudget {
namespace {

/// Rotary tables are computed, and no definition has layers that only draft.
bool is_dropped(std::string_view name, std::int64_t layer, std::int64_t layers) {
  return name.starts_with("rope_") || layer >= layers;
}

/// mlc_llm/quantization/utils.py, is_moe_gate: what chooses among at most 256 experts.
bool is_router(std::string_view suffix, const TensorShape& shape) {
  constexpr std::int64_t most_experts = 256;
  return suffix == "ffn_gate_inp.weight" && shape.shape[1] <= most_experts;
}

ElementType type_of(const TensorShape& shape, const NamedTraits& traits, std::string_view suffix,
                    const GroupedFormat& format) {
  if (traits.converted_as == ConvertedAs::i32) {
    return ElementType::i32;
  }
  const bool matrix = shape.shape[1] > 1 || shape.shape[2] > 1 || shape.shape[3] > 1;
  const bool kept = traits.converted_as == ConvertedAs::f32 || is_router(suffix, shape);
  return matrix && !kept ? format.type : format.floats;
}

}  // namespace

TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                     const GroupedFormat& format) {
  const std::int64_t layers =
      metadata.integer("block_count") - metadata.integer("nextn_predict_layers", 0);
  NameReader reader(metadata.architecture());
  std::vector<Tensor> tensors;
  tensors.reserve(shapes.size());
  std::int64_t offset = 0;
  for (TensorShape& shape : shapes) {
    const std::int64_t layer = TensorTable::layer_of(shape.name);
    if (is_dropped(shape.name, layer, layers)) {
      continue;
    }
    Tensor& tensor = tensors.emplace_back();
    tensor.name = std::move(shape.name);
    tensor.shape = shape.shape;
    tensor.type = type_of(shape, reader.read(tensor.name, layer),
                          TensorTable::suffix_of(tensor.name), format);
    // A row is stored as whole groups (group_quantization.py, num_storage in _quantize).
    tensor.shape[0] = round_up(tensor.shape[0], format_of(tensor.type).block_elements);
    tensor.offset = offset;
    offset = checked_add(offset, tensor.size().count());
  }
  return TensorTable(std::move(tensors));
}

}  // namespace membudget
