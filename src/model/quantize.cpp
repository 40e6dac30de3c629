// SPDX-License-Identifier: MIT
#include "model/quantize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "membudget/error.hpp"
#include "model/quantize_names.hpp"

namespace membudget {
namespace {

// general.alignment of every file that llama-quantize writes (GGUF_DEFAULT_ALIGNMENT).
constexpr std::int64_t alignment = 32;

// The value of layer 0; keys that are arrays hold one value per layer.
std::int64_t of_first_layer(const Metadata& metadata, std::string_view key, std::int64_t fallback) {
  return metadata.per_layer(key, 1, fallback).front();
}

// hparams.n_layer_all as load_hparams leaves it: two architectures have more layers than blocks
// (src/models/granite-switch.cpp, nanbeige.cpp).
std::int64_t counted_layers(const Metadata& metadata) {
  const std::int64_t blocks = metadata.integer("block_count");
  if (metadata.architecture() == "graniteswitch") {
    return blocks + 1;
  }
  if (metadata.architecture() == "nanbeige") {
    return checked_multiply(blocks, std::max<std::int64_t>(1, metadata.integer("num_loops", 1)));
  }
  return blocks;
}

// Where the engine sets LLM_TYPE_70B: load_arch_hparams of llama, qwen2, deci, olmo and jais2
// in src/models.
bool is_seventy_billion(const Metadata& metadata, std::int64_t heads, std::int64_t kv_heads,
                        std::int64_t experts) {
  const std::string& architecture = metadata.architecture();
  const std::int64_t layers = metadata.integer("block_count");
  if (architecture == "llama" || architecture == "llama-embed") {
    return layers == 80 && heads != kv_heads && experts != 8;
  }
  if (architecture == "qwen2" || architecture == "deci" || architecture == "olmo") {
    return layers == 80;
  }
  return architecture == "jais2" && layers == 68;
}

QuantizedModel facts_of(const Metadata& metadata) {
  const std::int64_t heads = of_first_layer(metadata, "attention.head_count", 0);
  const std::int64_t kv_heads = of_first_layer(metadata, "attention.head_count_kv", heads);
  QuantizedModel model;
  model.layers = counted_layers(metadata);
  model.experts = metadata.integer("expert_count", 0);
  model.heads_per_kv = kv_heads == 0 ? 0 : heads / kv_heads;
  model.seventy_billion = is_seventy_billion(metadata, heads, kv_heads, model.experts);
  model.falcon = metadata.architecture() == "falcon";
  model.bailingmoe3 = metadata.architecture() == "bailingmoe3";
  return model;
}

struct Numbered {
  std::int64_t layer = 0;
  std::size_t index = 0;  // Of the shape.
};

// weight_name_comparer in src/llama-model-loader.h: by layer, those without one first, and by
// name within a layer.
std::vector<Numbered> in_file_order(const std::vector<TensorShape>& shapes) {
  std::vector<Numbered> order;
  order.reserve(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    order.push_back({.layer = TensorTable::layer_of(shapes[i].name), .index = i});
  }
  const auto before = [&](const Numbered& a, const Numbered& b) {
    return a.layer != b.layer ? a.layer < b.layer : shapes[a.index].name < shapes[b.index].name;
  };
  std::sort(order.begin(), order.end(), before);
  return order;
}

// tensor_type_fallback in src/llama-quant.cpp; f32 where the engine has no answer and fails.
ElementType fallback_of(ElementType type) {
  switch (type) {
    case ElementType::iq1_s:
    case ElementType::iq1_m:
    case ElementType::iq2_xxs:
    case ElementType::iq2_xs:
    case ElementType::iq2_s:
    case ElementType::iq3_xxs:
    case ElementType::iq3_s:
    case ElementType::iq4_xs:
      return ElementType::iq4_nl;
    case ElementType::q2_0:
    case ElementType::q2_k:
    case ElementType::q3_k:
    case ElementType::tq1_0:
    case ElementType::tq2_0:
      return ElementType::q4_0;
    case ElementType::q4_k:
      return ElementType::q5_0;
    case ElementType::q5_k:
      return ElementType::q5_1;
    case ElementType::q6_k:
      return ElementType::q8_0;
    default:
      return ElementType::f32;
  }
}

bool is_whole_blocks(std::int64_t row, ElementType type) {
  return row % format_of(type).block_elements == 0;
}

/// One run of llama-quantize: what it knows about the model, and its counters.
class QuantizeRun {
 public:
  QuantizeRun(const FileType& file_type, const Metadata& metadata, bool matrix)
      : file_type_(file_type),
        where_(metadata.where()),
        model_(facts_of(metadata)),
        mix_(mix_of(file_type, model_, matrix)) {}

  /// Notes a tensor before any is typed: how many of a kind there are decides about each.
  void count(TensorRole role) {
    attn_v_.count += role == TensorRole::attn_v ? 1 : 0;
    has_output_ = has_output_ || role == TensorRole::output;
  }

  /// The type of a tensor that may be quantized. To be called in file order.
  [[nodiscard]] ElementType type_of(const Tensor& tensor, TensorRole role, std::int64_t layer) {
    return fitting(tensor, chosen(tensor, role, layer));
  }

 private:
  // llama_tensor_get_type_impl in src/llama-quant.cpp.
  ElementType chosen(const Tensor& tensor, TensorRole role, std::int64_t layer) {
    const bool is_output =
        role == TensorRole::output || (role == TensorRole::token_embd && !has_output_);
    if (is_output) {
      return output_type(tensor.shape[0]);
    }
    if (file_type_.experts_only) {
      return is_expert(tensor, role) ? file_type_.base : ElementType::q8_0;
    }
    switch (role) {
      case TensorRole::token_embd:
        return file_type_.token_embd.value_or(file_type_.base);
      case TensorRole::attn_q:
        return by(mix_.attn_q, {});
      case TensorRole::attn_k:
        return by(mix_.attn_k, {});
      case TensorRole::attn_v:
        return by(mix_.attn_v, next(attn_v_));
      case TensorRole::attn_output:
        return by(mix_.attn_output, {});
      case TensorRole::ffn_down:
        return by(mix_.ffn_down, place(tensor, layer, ffn_down_));
      case TensorRole::ffn_gate:
        return by(mix_.ffn_gate_up, place(tensor, layer, ffn_gate_));
      case TensorRole::ffn_up:
        return by(mix_.ffn_gate_up, place(tensor, layer, ffn_up_));
      case TensorRole::output:
      case TensorRole::other:
        break;
    }
    return file_type_.base;
  }

  [[nodiscard]] ElementType by(const Rule& rule, Ordinal at) const {
    return type_by(rule, at, model_, file_type_.base);
  }

  [[nodiscard]] ElementType output_type(std::int64_t row) const {
    const bool kept_at_8_bits = model_.falcon || !is_whole_blocks(row, file_type_.base);
    return kept_at_8_bits ? ElementType::q8_0 : file_type_.output;
  }

  // Tensors of three dimensions, except in bailingmoe3, whose latent projections have three too.
  [[nodiscard]] bool is_expert(const Tensor& tensor, TensorRole role) const {
    const bool feed_forward =
        role == TensorRole::ffn_up || role == TensorRole::ffn_gate || role == TensorRole::ffn_down;
    return tensor.shape[2] > 1 && (!model_.bailingmoe3 || feed_forward);
  }

  static Ordinal next(Ordinal& counter) {
    const Ordinal here = counter;
    ++counter.index;
    return here;
  }

  // layer_info in llama_tensor_get_type_impl: feed-forwards are counted as they come, which is
  // not the layer's number in a hybrid; in models with experts the layer's number counts.
  Ordinal place(const Tensor& tensor, std::int64_t layer, std::int64_t& counter) const {
    const std::int64_t index = counter++;
    if (model_.experts <= 1 || file_type_.lowest_bits || file_type_.counts_each_ffn_down) {
      return {.index = index, .count = model_.layers};
    }
    if (layer < 0 || layer >= model_.layers) {
      throw Error(Errc::bad_request, where_,
                  fmt::format("llama-quantize fails: '{}' belongs to none of the {} layers; "
                              "use F16, BF16 or F32",
                              tensor.name, model_.layers));
    }
    return {.index = layer, .count = model_.layers};
  }

  // tensor_type_fallback in src/llama-quant.cpp.
  [[nodiscard]] ElementType fitting(const Tensor& tensor, ElementType type) const {
    const std::int64_t row = tensor.shape[0];
    if (is_whole_blocks(row, type)) {
      return type;
    }
    const ElementType other = fallback_of(type);
    if (other == ElementType::f32) {
      throw Error(
          Errc::bad_request, where_,
          fmt::format("llama-quantize fails: '{}' has rows of {} elements, not whole "
                      "blocks of {} for {}; use a K-quant, which falls back to another type",
                      tensor.name, row, format_of(type).block_elements, format_of(type).name));
    }
    return is_whole_blocks(row, other) ? other : ElementType::f16;
  }

  const FileType& file_type_;
  const std::string& where_;
  QuantizedModel model_;
  Mix mix_;
  bool has_output_ = false;
  Ordinal attn_v_;
  std::int64_t ffn_down_ = 0;
  std::int64_t ffn_gate_ = 0;
  std::int64_t ffn_up_ = 0;
};

// What conversion to GGUF writes, and so what a tensor keeps when it is not quantized.
ElementType converted_type(const NamedTraits& traits, int dimensions, ElementType asked) {
  if (dimensions < 2) {
    return ElementType::f32;
  }
  switch (traits.converted_as) {
    case ConvertedAs::asked:
      return asked;
    case ConvertedAs::f32:
      return ElementType::f32;
    case ConvertedAs::bf16:
      return ElementType::bf16;
    case ConvertedAs::i32:
      return ElementType::i32;
    case ConvertedAs::mxfp4:
      return ElementType::mxfp4;
  }
  return asked;
}

/// Gives a type to the tensors of one name, in all layers.
void give(const NamedType& named, std::vector<Tensor>& tensors, const std::string& where) {
  for (Tensor& tensor : tensors) {
    if (TensorTable::suffix_of(tensor.name) != named.name) {
      continue;
    }
    if (!is_whole_blocks(tensor.shape[0], named.type)) {
      throw Error(Errc::bad_request, where,
                  fmt::format("'{}' has rows of {} elements, not whole blocks of {} for {}",
                              tensor.name, tensor.shape[0], format_of(named.type).block_elements,
                              format_of(named.type).name));
    }
    tensor.type = named.type;
  }
}

void set_offsets(std::vector<Tensor>& tensors) {
  std::int64_t offset = 0;
  for (Tensor& tensor : tensors) {
    tensor.offset = offset;
    offset = checked_add(offset, round_up(tensor.size().count(), alignment));
  }
}

}  // namespace

TensorTable quantize(std::vector<TensorShape> shapes, const Metadata& metadata,
                     const FileType& file_type, ImportanceMatrix matrix) {
  const bool quantized = format_of(file_type.base).quantized;
  const bool has_matrix = matrix == ImportanceMatrix::present ||
                          (matrix == ImportanceMatrix::when_required && file_type.needs_matrix);
  QuantizeRun run(file_type, metadata, has_matrix);
  NameReader reader(metadata.architecture());

  const std::vector<Numbered> order = in_file_order(shapes);
  std::vector<Tensor> tensors;
  std::vector<NamedTraits> traits;
  tensors.reserve(order.size());
  traits.reserve(order.size());
  for (const Numbered& numbered : order) {
    TensorShape& shape = shapes[numbered.index];
    tensors.push_back({.name = std::move(shape.name), .shape = shape.shape});
    traits.push_back(reader.read(tensors.back().name, numbered.layer));
    run.count(traits.back().role);
  }

  // Matrices that llama-quantize leaves alone stay as the file it started from has them.
  const ElementType asked = quantized ? ElementType::f16 : file_type.base;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const int dimensions = tensors[i].dimensions();
    const bool may_change = quantized && traits[i].quantizable && dimensions >= 2;
    tensors[i].type = may_change ? run.type_of(tensors[i], traits[i].role, order[i].layer)
                                 : converted_type(traits[i], dimensions, asked);
  }
  for (const NamedType& named : file_type.named) {
    give(named, tensors, metadata.where());
  }
  set_offsets(tensors);
  return TensorTable(std::move(tensors));
}

bool needs_importance_matrix(const TensorTable& tensors, const FileType& file_type) {
  const bool small_k_quant = file_type.name == "Q2_K_S";
  // tensor_requires_imatrix in src/llama-quant.cpp.
  const auto needs = [&](const Tensor& tensor) {
    switch (tensor.type) {
      case ElementType::iq3_xxs:
      case ElementType::iq2_xxs:
      case ElementType::iq2_xs:
      case ElementType::iq2_s:
      case ElementType::iq1_m:
      case ElementType::iq1_s:
        break;
      case ElementType::q2_k:
        if (!small_k_quant) {
          return false;
        }
        break;
      default:
        return false;
    }
    return tensor.name != "token_embd.weight" && tensor.name != "per_layer_token_embd.weight" &&
           tensor.name != "output.weight";
  };
  return std::any_of(tensors.all().begin(), tensors.all().end(), needs);
}

}  // namespace membudget
