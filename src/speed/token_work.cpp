// SPDX-License-Identifier: MIT
#include "speed/token_work.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "engine/llamacpp/placement.hpp"

namespace membudget {
namespace {

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

/// Tables of which a token reads its row: embeddings and learned positions.
bool is_table(std::string_view name) {
  return name == "token_embd.weight" || name == "per_layer_token_embd.weight" ||
         name == "position_embd.weight";
}

// Some uploads carry a vision or audio tower in the same file; text does not pass it.
bool is_tower(std::string_view name) {
  return starts_with_any(name, {"v.", "a.", "mm.", "s."});
}

bool is_experts(std::string_view name) {
  return name.find("_exps.") != std::string_view::npos;
}

WeightReads reads_of(const Model& model, const Tensor& tensor) {
  const auto layer = TensorTable::layer_of(tensor.name);
  const bool tied = model.output_layer && model.tensors.find("output.weight") == nullptr;
  WeightReads out{.type = tensor.type};
  const auto bytes = static_cast<double>(tensor.size().count());
  const auto elements = tensor.dimensions() < 2 ? 0.0 : static_cast<double>(tensor.elements());
  if (is_table(tensor.name)) {
    const bool whole = tied && tensor.name == "token_embd.weight";
    const auto rows = static_cast<double>(std::max<std::int64_t>(tensor.shape[1], 1));
    out.head = whole;
    out.bytes = out.resident_bytes = whole ? bytes : bytes / rows;
    out.multiplied = whole ? elements : 0;
    return out;
  }
  double share = 1;
  if (layer >= 0 && model.experts > 0 && is_experts(tensor.name)) {
    out.experts = true;
    share = static_cast<double>(model.experts_used) / static_cast<double>(model.experts);
  }
  out.head = layer < 0;
  out.bytes = bytes * share;
  out.resident_bytes = bytes;
  out.multiplied = elements * share;
  return out;
}

void add(std::vector<WeightReads>& all, const WeightReads& reads) {
  const auto same = std::find_if(all.begin(), all.end(), [&](const WeightReads& other) {
    return other.type == reads.type && other.experts == reads.experts && other.cpu == reads.cpu &&
           other.head == reads.head;
  });
  if (same == all.end()) {
    all.push_back(reads);
    return;
  }
  same->bytes += reads.bytes;
  same->resident_bytes += reads.resident_bytes;
  same->multiplied += reads.multiplied;
}

// Where an engine gives no graph: products are weights of two dimensions, and around them a layer
// starts about as many small kernels as llama.cpp's graphs do.
std::int64_t kernels_of(const Layer& layer) {
  constexpr std::int64_t norms_and_sums = 4;
  constexpr std::int64_t attention = 5;    // Two rotations, two writes, the attention itself.
  constexpr std::int64_t convolution = 6;  // Two gates, the convolution, its tail.
  constexpr std::int64_t recurrent = 18;   // Convolution, gates, copies of the state.
  constexpr std::int64_t routing = 10;     // Soft-max, choice, weights, their sum.
  const auto of_mixer = [](const Mixer& mixer) -> std::int64_t {
    if (std::holds_alternative<std::monostate>(mixer)) return 0;
    const bool attends =
        std::holds_alternative<Attention>(mixer) || std::holds_alternative<LatentAttention>(mixer);
    if (std::holds_alternative<ShortConvolution>(mixer)) return convolution;
    return attends ? attention : recurrent;
  };
  std::int64_t count = norms_and_sums + of_mixer(layer.mixer) + of_mixer(layer.beside);
  count += std::holds_alternative<Experts>(layer.feed_forward) ? routing : 1;
  return count;
}

}  // namespace

TokenWork token_work(const Model& model, const Footprint& footprint) {
  TokenWork work;
  const Settings& settings = footprint.settings;
  // Engines that cannot offload in part keep everything on the GPU.
  const auto placement = footprint.partial_offload
                             ? std::optional(llamacpp::place_weights(model, settings))
                             : std::nullopt;
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const auto tensors = model.tensors.all();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i];
    const auto layer = TensorTable::layer_of(tensor.name);
    if (layer >= layers || is_tower(tensor.name)) {
      continue;  // Blocks for drafting are not loaded.
    }
    WeightReads reads = reads_of(model, tensor);
    const bool tied = reads.head && tensor.name == "token_embd.weight";
    const auto storage = !placement ? llamacpp::Storage::gpu
                         : tied     ? placement->tied_output
                                    : placement->storage_for(i, layer);
    // The row of the embedding is looked up on the CPU wherever the layers are.
    const bool row = is_table(tensor.name) && !tied;
    reads.cpu = settings.backend == Backend::cpu || (storage != llamacpp::Storage::gpu && !row);
    add(work.weights, reads);
    if (tensor.dimensions() >= 2 && !row && tensor.name.ends_with(".weight")) {
      ++work.products;
      work.expert_products += reads.experts ? 1 : 0;
    }
  }
  work.kernels = footprint.graph_kernels;
  if (work.kernels == 0) {
    work.kernels = work.products;
    for (const Layer& layer : model.layers) {
      work.kernels += kernels_of(layer);
    }
  }
  const auto slots = static_cast<double>(std::max<std::int64_t>(settings.parallel, 1));
  work.state_bytes =
      static_cast<double>(footprint.total(PartName::recurrent_state).count()) / slots;
  const auto on_cpu =
      placement ? std::count(placement->layer_on_gpu.begin(), placement->layer_on_gpu.end(), false)
                : 0;
  work.cpu_layers = settings.backend == Backend::cpu ? 1
                    : layers == 0                    ? 0
                                  : static_cast<double>(on_cpu) / static_cast<double>(layers);
  return work;
}

CacheReads cache_reads(const Model& model, const Settings& settings, double depth, double batch) {
  const auto bytes_of = [](ElementType type) {
    const ElementFormat& format = format_of(type);
    return static_cast<double>(format.block_bytes) / static_cast<double>(format.block_elements);
  };
  // --kv-bits: a scale and a bias of 16 bits for each 64 elements.
  const double quantized = static_cast<double>(settings.kv_bits) / 8 + 4.0 / 64;
  const double key_bytes = settings.kv_bits > 0 ? quantized : bytes_of(settings.cache_type_k);
  const double value_bytes = settings.kv_bits > 0 ? quantized : bytes_of(settings.cache_type_v);
  CacheReads out;
  if (!model.cached) {
    return out;
  }
  const auto read = [&](const Mixer& mixer) {
    if (const auto* attention = std::get_if<Attention>(&mixer)) {
      const double tokens =
          attention->window > 0
              ? std::min(depth + 1, static_cast<double>(attention->window) + batch / 2)
              : depth + 1;
      const auto kv_heads = static_cast<double>(attention->kv_heads);
      const auto heads = static_cast<double>(attention->heads);
      const auto key = static_cast<double>(attention->key_dim);
      const auto value = static_cast<double>(attention->value_dim);
      const double row = key * key_bytes + value * value_bytes;
      out.bytes += tokens * kv_heads * row;
      out.bytes_by_head += tokens * heads * row;
      out.elements += tokens * heads * (key + value);
      ++out.layers;
    } else if (const auto* latent = std::get_if<LatentAttention>(&mixer)) {
      double tokens = depth + 1;
      if (latent->indexer) {
        // The indexer looks at every key of its own, the attention at those it picked.
        const auto key = static_cast<double>(latent->indexer->key_dim);
        if (latent->indexer->own) {
          out.bytes += tokens * key * key_bytes;
          out.bytes_by_head += tokens * key * key_bytes;
          out.elements += tokens * key * static_cast<double>(latent->indexer->heads);
        }
        tokens = std::min(tokens, static_cast<double>(latent->indexer->top_k));
      }
      const auto heads = static_cast<double>(latent->heads);
      const auto width = static_cast<double>(latent->key_width());
      out.bytes += tokens * width * key_bytes;
      out.bytes_by_head += tokens * width * key_bytes;
      out.latent_elements += tokens * heads * (width + static_cast<double>(latent->latent_dim));
      ++out.layers;
    }
  };
  for (const Layer& layer : model.layers) {
    read(layer.mixer);
    read(layer.beside);
  }
  return out;
}

}  // namespace membudget
