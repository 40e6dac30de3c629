// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "membudget/error.hpp"
#include "model/quantize.hpp"
#include "model/quantize_names.hpp"

namespace membudget {
namespace {

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

// mlx-lm 0.32.0, models/gemma4_text.py:657, gpt_oss.py:330, granitemoe.py:227 and others:
// quant_predicate keeps what chooses experts at 8 bits in groups of 64.
bool is_router(std::string_view suffix) {
  return is_any_of(suffix, {"ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight"});
}

// "v_proj", "v_a_proj" and "v_b_proj" in mlx_lm/convert.py, which kv_a_proj and kv_b_proj hold too.
bool is_value_projection(std::string_view suffix) {
  return is_any_of(suffix, {"attn_v.weight", "attn_kv_a_mqa.weight", "attn_kv_b.weight",
                            "attn_k_b.weight", "attn_v_b.weight"});
}

bool is_down_projection(std::string_view suffix) {
  return suffix.starts_with("ffn_down");
}

/// What MLX has no use for: rotary tables are computed, and sanitize() drops the next-token layers.
bool is_dropped(std::string_view name, std::int64_t layer, std::int64_t layers) {
  return name.starts_with("rope_") || layer >= layers;
}

class MlxTypes {
 public:
  MlxTypes(const MlxFormat& format, std::int64_t layers) : format_(format), layers_(layers) {}

  [[nodiscard]] ElementType type_of(const Tensor& tensor, const NamedTraits& traits,
                                    std::int64_t layer) const {
    const std::string_view suffix = TensorTable::suffix_of(tensor.name);
    if (traits.converted_as == ConvertedAs::i32) {
      return ElementType::i32;
    }
    if (tensor.dimensions() < 2 || format_.type == ElementType::bf16) {
      return ElementType::bf16;
    }
    if (const auto* named = named_type(tensor.name, suffix); named != nullptr) {
      return fitting(tensor, named->type);
    }
    if (is_router(suffix)) {
      return fitting(tensor, ElementType::mlx8_g64);
    }
    // Convolutions and tables of coefficients have no to_quantized().
    const bool kept = traits.converted_as == ConvertedAs::f32;
    return kept ? ElementType::bf16 : fitting(tensor, chosen(suffix, layer));
  }

 private:
  [[nodiscard]] const NamedType* named_type(std::string_view name, std::string_view suffix) const {
    const auto found = std::find_if(
        format_.named.begin(), format_.named.end(),
        [&](const NamedType& each) { return each.name == name || each.name == suffix; });
    return found == format_.named.end() ? nullptr : &*found;
  }

  [[nodiscard]] ElementType chosen(std::string_view suffix, std::int64_t layer) const {
    if (!format_.high) {
      return format_.type;
    }
    const bool matters = gets_more_bits({.index = layer, .count = layers_});
    const bool high = suffix == "output.weight" ||
                      (matters && (is_value_projection(suffix) || is_down_projection(suffix)));
    return high ? *format_.high : format_.type;
  }

  [[nodiscard]] static ElementType fitting(const Tensor& tensor, ElementType type) {
    return tensor.shape[0] % format_of(type).block_elements == 0 ? type : ElementType::bf16;
  }

  const MlxFormat& format_;
  std::int64_t layers_;
};

}  // namespace

TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                     const MlxFormat& format) {
  const std::int64_t layers =
      metadata.integer("block_count") - metadata.integer("nextn_predict_layers", 0);
  const auto suffix_of = [](const TensorShape& shape) {
    return TensorTable::suffix_of(shape.name);
  };
  if (format.high && std::none_of(shapes.begin(), shapes.end(), [&](const TensorShape& shape) {
        return is_down_projection(suffix_of(shape));
      })) {
    throw Error(Errc::bad_request, metadata.where(),
                fmt::format("mlx-lm fails: '{}' needs down projections, which this model has not; "
                            "use a plain one such as 4bit",
                            format.name));
  }
  const MlxTypes types(format, layers);
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
    tensor.type = types.type_of(tensor, reader.read(tensor.name, layer), layer);
    tensor.offset = offset;
    offset = checked_add(offset, tensor.size().count());
  }
  return TensorTable(std::move(tensors));
}

}  // namespace membudget
