// SPDX-License-Identifier: MIT
#include "engine/llamacpp/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <variant>

#include "membudget/error.hpp"

namespace membudget::llamacpp {
namespace {

// Elements of a head as the cache holds them; 0 for layers without a cache.
struct HeadSizes {
  std::int64_t key = 0;
  std::int64_t value = 0;
};

HeadSizes head_sizes(const Mixer& mixer) {
  if (const auto* attention = std::get_if<Attention>(&mixer)) {
    return {.key = attention->key_dim, .value = attention->value_dim};
  }
  if (const auto* attention = std::get_if<LatentAttention>(&mixer)) {
    return {.key = attention->key_width(), .value = attention->latent_dim};
  }
  if (const auto* attention = std::get_if<CompressedAttention>(&mixer)) {
    return {.key = attention->head_dim, .value = attention->head_dim};
  }
  return {};
}

void check_blocks(const Model& model, ElementType type, std::string_view option,
                  std::int64_t HeadSizes::*head_size) {
  if (!format_of(type).quantized) {
    return;
  }
  for (const Layer& layer : model.layers) {
    const std::int64_t size = head_sizes(layer.mixer).*head_size;
    if (size % format_of(type).block_elements != 0) {
      throw Error(Errc::bad_request, std::string(option),
                  fmt::format("the engine refuses {} for heads of {} elements (blocks of {}); "
                              "use f16 or bf16",
                              format_of(type).name, size, format_of(type).block_elements));
    }
  }
}

bool caches_latents(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
    return std::holds_alternative<LatentAttention>(layer.mixer) ||
           std::holds_alternative<CompressedAttention>(layer.mixer);
  });
}

}  // namespace

bool picks_blocks(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
    const auto* attention = std::get_if<Attention>(&layer.mixer);
    return attention != nullptr && attention->indexer;
  });
}

FlashAttention checked_flash(const Model& model, const Settings& settings) {
  FlashAttention flash = model.flash_attention ? settings.flash_attention : FlashAttention::off;
  if (settings.cache_type_k != settings.cache_type_v && caches_latents(model)) {
    throw Error(
        Errc::bad_request, "--cache-type-v",
        fmt::format("this model keeps keys and values as one latent, so the engine refuses "
                    "{} for V beside {} for K; use the same type for both",
                    format_of(settings.cache_type_v).name, format_of(settings.cache_type_k).name));
  }
  if (format_of(settings.cache_type_v).quantized) {
    if (!model.flash_attention) {
      throw Error(Errc::bad_request, "--cache-type-v",
                  fmt::format("the engine has no flash attention for {}, which a quantized V "
                              "cache needs; use f16 or bf16",
                              model.architecture));
    }
    if (flash == FlashAttention::off) {
      throw Error(Errc::bad_request, "--cache-type-v",
                  "the engine needs flash attention for a quantized V cache; use --flash-attn on");
    }
    flash = FlashAttention::on;
  }
  if (flash != FlashAttention::off) {
    check_blocks(model, settings.cache_type_k, "--cache-type-k", &HeadSizes::key);
    check_blocks(model, settings.cache_type_v, "--cache-type-v", &HeadSizes::value);
  }
  return flash;
}

// A mean weighs every token of the batch, so ggml's shapes only fit when each one is an output
// (build_pooling, llama-graph.cpp:3644); the engine aborts otherwise.
void check_pooling(const Model& model, const Settings& settings, const Geometry& geometry) {
  const bool mean = settings.pooling == Pooling::mean ||
                    (settings.pooling == Pooling::rank && model.ranks_by_mean);
  if (settings.embeddings && mean && geometry.outputs != geometry.tokens) {
    throw Error(Errc::bad_request, "--pooling",
                fmt::format("the engine stops when {} tokens are averaged but {} are outputs; let "
                            "the slots divide the physical batch, and every token be an output",
                            geometry.tokens, geometry.outputs));
  }
}

// The scheduler keeps every tensor of the graph in a table whose size is fixed by how many tensors
// the model has (llama_context::graph_max_nodes; ggml_hash_size picks the next of these primes).
// A graph that does not fit ends the process. Models of few, fused tensors per layer come close.
void check_scheduler_table(const Model& model, const Settings& settings,
                           std::int64_t adapter_tensors, const Graph& graph) {
  const bool roomier =
      picks_blocks(model) ||
      std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
        return std::holds_alternative<DeltaNet>(layer.mixer) ||
               std::holds_alternative<CompressedAttention>(layer.mixer);
      });
  if (roomier) {
    return;
  }
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const std::span<const Tensor> all = model.tensors.all();
  std::int64_t tensors = std::count_if(all.begin(), all.end(), [&](const Tensor& tensor) {
    return TensorTable::layer_of(tensor.name) < layers;
  });
  // A tied output is a tensor of its own where it lies in another buffer than the embedding.
  if (model.output_layer && model.tensors.find("output.weight") == nullptr &&
      settings.backend == Backend::metal) {
    ++tensors;
  }
  constexpr std::int64_t least = 1024;
  // Three operations for each matrix of an adapter (llama_model::n_lora_nodes).
  const std::int64_t asked = std::max(least, 8 * tensors) + 3 * adapter_tensors;
  static constexpr std::array<std::int64_t, 8> primes{1031,  2053,  4099,  8209,
                                                      16411, 32771, 65537, 131101};
  const auto* const room = std::lower_bound(primes.begin(), primes.end(), asked);
  const auto needed = static_cast<std::int64_t>(graph.order().size() + graph.leaves().size());
  if (room != primes.end() && needed > *room) {
    throw Error(Errc::bad_request, "settings",
                fmt::format("the engine would stop: its graph has {} tensors, and there is room "
                            "for {}; use an f16 cache or a unified one",
                            needed, *room));
  }
}

}  // namespace membudget::llamacpp
