// SPDX-License-Identifier: MIT
#include "engine/llamacpp/placement.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>

#include "membudget/units.hpp"
#include "tensor_pattern.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t alignment = 32;

std::int32_t buffer_of(Storage storage) {
  return static_cast<std::int32_t>(storage);
}

// Tensors of the input layer, which llama.cpp never offloads (llama-model.cpp:1381).
bool is_input(std::string_view name) {
  static constexpr std::array<std::string_view, 4> input_layer{
      "token_embd.weight", "position_embd.weight", "token_types.weight",
      "per_layer_token_embd.weight"};
  return std::find(input_layer.begin(), input_layer.end(), name) != input_layer.end();
}

// LLM_FFN_EXPS_REGEX (common.h:1114): \.ffn_(up|down|gate|gate_up)_(ch|)exps
bool is_expert(std::string_view name) {
  const auto skip = [&name](std::string_view prefix) {
    const bool found = name.substr(0, prefix.size()) == prefix;
    name.remove_prefix(found ? prefix.size() : 0);
    return found;
  };
  const auto at = name.find(".ffn_");
  if (at == std::string_view::npos) {
    return false;
  }
  name.remove_prefix(at);
  skip(".ffn_");
  if (!skip("gate_up_") && !skip("up_") && !skip("down_") && !skip("gate_")) {
    return false;
  }
  skip("ch");
  return skip("exps");
}

// Which weights an Apple CPU has interleaved kernels for (repack.cpp:4554 with neon, dotprod and
// i8mm; every M chip has the first two, which decide the same).
bool has_repack_kernel(const Tensor& tensor) {
  switch (tensor.type) {
    case ElementType::q4_0:
    case ElementType::iq4_nl:
    case ElementType::mxfp4:
    case ElementType::q8_0:
      return tensor.shape[1] % 4 == 0;
    case ElementType::q4_k:
    case ElementType::q5_k:
    case ElementType::q6_k:
      return tensor.shape[1] % 8 == 0;
    default:
      return false;
  }
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// The kernels are matrix multiplications: of matrices, and of experts (repack.cpp:4757). The
// loader asks by the operation a tensor is for (LLM_TENSOR_INFOS); of the matrices that may be
// quantized, only lookup tables are for another one. One matrix it reshapes into a stack of them
// (TENSOR_ALLOW_RESHAPE, deepseek4.cpp).
bool is_repacked(const Tensor& tensor, bool lookup) {
  if (lookup || !has_repack_kernel(tensor) || ends_with(tensor.name, ".bias")) {
    return false;
  }
  static constexpr std::array<std::string_view, 3> others{
      "nextn.embed_tokens.weight", "compressor_ape.weight", "attn_output_a.weight"};
  const bool other = std::any_of(others.begin(), others.end(), [&](std::string_view name) {
    return ends_with(tensor.name, name);
  });
  return is_expert(tensor.name) ? tensor.dimensions() == 3 : tensor.dimensions() == 2 && !other;
}

// -ot, --cpu-moe and --n-cpu-moe: where a tensor goes whatever its layer.
class Overrides {
 public:
  explicit Overrides(const Settings& settings)
      : settings_(settings),
        moe_layers_(settings.cpu_moe ? std::numeric_limits<std::int64_t>::max()
                                     : settings.n_cpu_moe) {
    for (const TensorOverride& override : settings.tensor_overrides) {
      patterns_.emplace_back(override.pattern);
    }
  }

  [[nodiscard]] std::optional<Backend> operator()(const Tensor& tensor, std::int64_t layer) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (patterns_[i].is_in(tensor.name)) {
        return settings_.tensor_overrides[i].buffer;
      }
    }
    if (layer >= 0 && layer < moe_layers_ && is_expert(tensor.name)) {
      return Backend::cpu;
    }
    return std::nullopt;
  }

 private:
  const Settings& settings_;
  std::int64_t moe_layers_;
  std::vector<TensorPattern> patterns_;
};

// The range of the file a buffer maps, and what it takes when it is allocated instead.
struct Buffer {
  std::int64_t begin = std::numeric_limits<std::int64_t>::max();
  std::int64_t end = 0;
  Bytes sum;

  void hold(const Tensor& tensor) {
    const std::int64_t size = tensor.size().count();
    begin = std::min(begin, tensor.offset);
    end = std::max(end, tensor.offset + size);
    sum += Bytes{round_up(size, alignment)};
  }
  [[nodiscard]] bool empty() const { return end <= begin; }
  [[nodiscard]] std::int64_t mapped() const { return empty() ? 0 : end - begin; }
  [[nodiscard]] std::int64_t shared_with(const Buffer& other) const {
    return empty() || other.empty()
               ? 0
               : std::max<std::int64_t>(0, std::min(end, other.end) - std::max(begin, other.begin));
  }
};

class Placer {
 public:
  Placer(const Model& model, const Settings& settings)
      : model_(model), settings_(settings), overrides_(settings) {}

  Placement run() {
    assign_layers();
    const std::span<const Tensor> tensors = model_.tensors.all();
    const std::size_t count = tensors.size();
    result_.storage.resize(count);
    result_.range.resize(count);
    result_.shared_by_layers.resize(count);
    const bool tied = model_.output_layer && model_.tensors.find("output.weight") == nullptr;
    for (std::size_t i = 0; i < count; ++i) {
      place(i, tensors[i]);
      if (tied && tensors[i].name == "token_embd.weight") {
        place_tied(tensors[i], result_.storage[i]);
      }
    }
    measure();
    return std::move(result_);
  }

 private:
  void assign_layers() {
    // Blocks for drafting count, though they are not loaded (n_layer_all).
    const auto layers = static_cast<std::int64_t>(model_.layers.size()) + model_.draft_layers;
    std::int64_t offloaded = 0;
    if (settings_.backend == Backend::metal) {
      offloaded =
          settings_.gpu_layers < 0 ? layers + 1 : std::min(settings_.gpu_layers, layers + 1);
    }
    result_.output_on_gpu = offloaded >= 1;
    result_.full_offload = offloaded > layers;
    for (std::int64_t i = 0; i < layers; ++i) {
      result_.layer_on_gpu.push_back(i >= layers + 1 - offloaded);
    }
    // The norm of the embeddings is done on the first layer (llama-arch.cpp, LLM_TENSOR_INFOS);
    // LFM2 calls its output norm so.
    embedding_norm_layer_ = model_.embedding_norm ? 0 : -1;
  }

  [[nodiscard]] std::int64_t layer_of(const Tensor& tensor) const {
    if (tensor.name.compare(0, 16, "token_embd_norm.") == 0) {
      return embedding_norm_layer_;
    }
    return TensorTable::layer_of(tensor.name);
  }

  // `by_layer` is the device of the layer that uses the tensor.
  [[nodiscard]] Storage choose(const Tensor& tensor, bool by_layer, bool lookup) const {
    const std::optional<Backend> forced =
        settings_.backend == Backend::metal ? overrides_(tensor, layer_of(tensor)) : std::nullopt;
    if (forced ? *forced == Backend::metal : by_layer) {
      return Storage::gpu;
    }
    return settings_.repack && is_repacked(tensor, lookup) ? Storage::repack : Storage::cpu;
  }

  void place(std::size_t index, const Tensor& tensor) {
    const bool input = is_input(tensor.name);
    const std::int64_t layer = layer_of(tensor);
    if (layer >= static_cast<std::int64_t>(model_.layers.size())) {
      if (!settings_.predict || layer >= static_cast<std::int64_t>(result_.layer_on_gpu.size())) {
        return;  // a block for drafting, which is not loaded
      }
    }
    const bool on_gpu =
        layer >= 0 ? result_.layer_on_gpu[static_cast<std::size_t>(layer)] : result_.output_on_gpu;
    // rope_freqs, rope_factors_long, rope_factors_short: one copy per buffer that holds layers.
    if (tensor.name.compare(0, 5, "rope_") == 0) {
      result_.shared_by_layers[index] = true;
      for (const bool side : {false, true}) {
        if (std::find(result_.layer_on_gpu.begin(), result_.layer_on_gpu.end(), side) !=
            result_.layer_on_gpu.end()) {
          result_.storage[index] = side ? Storage::gpu : Storage::cpu;
          buffer(result_.storage[index]).hold(tensor);
        }
      }
    } else {
      result_.storage[index] = choose(tensor, on_gpu && !input, input);
      buffer(result_.storage[index]).hold(tensor);
    }
    result_.range[index] = {.buffer = buffer_of(result_.storage[index]),
                            .begin = tensor.offset,
                            .end = tensor.offset + tensor.size().count()};
  }

  // A tied output is the token embedding once more, in a buffer of the output's device; the
  // loader makes no second copy within one buffer (TENSOR_DUPLICATED).
  void place_tied(const Tensor& embedding, Storage lookup) {
    result_.tied_output = choose(embedding, result_.output_on_gpu, false);
    if (result_.tied_output != lookup) {
      buffer(result_.tied_output).hold(embedding);
    }
  }

  void measure() {
    result_.repacked = repacked_.sum;
    if (settings_.mmap) {
      result_.gpu_model = Bytes{gpu_.mapped()};
      result_.host_model = Bytes{host_.mapped()};
      // Both map the same pages of one file; what Metal maps is counted there.
      result_.host_only = Bytes{host_.mapped() - host_.shared_with(gpu_)};
    } else {
      result_.gpu_model = gpu_.sum;
      result_.host_model = host_.sum;
      result_.host_only = host_.sum;
    }
  }

  Buffer& buffer(Storage storage) {
    return storage == Storage::gpu ? gpu_ : storage == Storage::repack ? repacked_ : host_;
  }

  const Model& model_;
  const Settings& settings_;
  Overrides overrides_;
  Placement result_;
  Buffer gpu_;
  Buffer host_;
  Buffer repacked_;
  std::int64_t embedding_norm_layer_ = 0;
};

}  // namespace

Placement place_weights(const Model& model, const Settings& settings) {
  return Placer(model, settings).run();
}

}  // namespace membudget::llamacpp
