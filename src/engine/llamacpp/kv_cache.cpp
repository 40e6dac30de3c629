// SPDX-License-Identifier: MIT
#include "engine/llamacpp/kv_cache.hpp"

#include <algorithm>
#include <optional>

#include "membudget/units.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t alignment = 32;
constexpr std::int32_t first_cache_buffer = 16;  // apart from the buffers of the weights

// Set while all layers of a cache agree, cleared for good when two differ.
class Common {
 public:
  void see(std::int64_t value) {
    if (!value_) {
      value_ = value;
    } else if (*value_ != value) {
      value_ = -1;
    }
  }
  [[nodiscard]] std::int64_t value() const { return value_.value_or(0); }

 private:
  std::optional<std::int64_t> value_;
};

// The largest 64 * 2^n that divides the head size (llama-kv-cache.cpp:1419).
std::int64_t key_rotation_edge(std::int64_t head_size) {
  std::int64_t edge = 64;
  while (head_size % (2 * edge) == 0) {
    edge *= 2;
  }
  return edge;
}

constexpr std::int64_t value_rotation_edge = 64;

bool rotates(ElementType type, std::int64_t common_head_size) {
  return format_of(type).quantized && common_head_size > 0 && common_head_size % 64 == 0;
}

// llama_kv_cache_dsv4: every sequence has a stream of its own, also when slots share a context.
class CompressedCaches {
 public:
  CompressedCaches(const Model& model, const Settings& settings, const Geometry& geometry,
                   const Placement& placement)
      : model_(model), settings_(settings), geometry_(geometry), placement_(placement) {}

  std::vector<KvCache> make() {
    const auto& first = std::get<CompressedAttention>(model_.layers.front().mixer);
    std::int64_t key_dim = 0;
    for (const Layer& layer : model_.layers) {
      key_dim = std::max(key_dim, std::get<CompressedAttention>(layer.mixer).indexer.key_dim);
    }
    const std::int64_t recent =
        settings_.swa_full
            ? geometry_.cells
            : round_up(std::min(geometry_.cells, first.window + geometry_.ubatch), context_step);
    add(recent, 1, first.head_dim, 0, 0);
    caches_.back().sliding = true;
    // Summaries of 4 tokens look back at the 4 before, so twice as many wait, at twice the width.
    constexpr std::int64_t overlap = 2;
    add(summaries(short_ratio), short_ratio, first.head_dim, overlap * short_ratio,
        overlap * first.head_dim);
    add(summaries(long_ratio), long_ratio, first.head_dim, long_ratio, first.head_dim);
    add(summaries(short_ratio), short_ratio, key_dim, overlap * short_ratio, overlap * key_dim);
    caches_.back().indexer = true;
    for (KvCache& cache : caches_) {
      // Always rotated where the keys are as wide as the indexer's (llama-kv-cache.cpp:325).
      const std::int64_t width = cache.indexer ? key_dim : first.head_dim;
      if (width > 0 && (rotates(cache.key_type, width) || width == key_dim)) {
        cache.key_rotation = key_rotation_edge(width);
      }
    }
    return std::move(caches_);
  }

 private:
  static constexpr std::int64_t short_ratio = 4;
  static constexpr std::int64_t long_ratio = 128;

  [[nodiscard]] std::int64_t summaries(std::int64_t ratio) const {
    return round_up((geometry_.cells + ratio - 1) / ratio, context_step);
  }

  void add(std::int64_t cells, std::int64_t ratio, std::int64_t width, std::int64_t state_rows,
           std::int64_t state_width) {
    // Each cache has a buffer on either side, and its states have theirs.
    const auto buffer =
        static_cast<std::int32_t>(first_cache_buffer + 4 * static_cast<int>(caches_.size()));
    KvCache cache;
    cache.keys_only = true;
    cache.ratio = ratio;
    cache.state_rows = state_rows;
    cache.state_width = state_width;
    cache.streams = geometry_.sequences;
    cache.cells = cells;
    cache.key_type = settings_.cache_type_k;
    cache.value_type = settings_.cache_type_v;
    cache.layers.resize(model_.layers.size() +
                        (model_.draft_cached ? static_cast<std::size_t>(model_.draft_layers) : 0));
    for (std::size_t i = 0; i < cache.layers.size(); ++i) {
      // Blocks for drafting have no summaries.
      const bool present =
          ratio == 1 || (i < model_.layers.size() &&
                         std::get<CompressedAttention>(model_.layers[i].mixer).ratio == ratio);
      if (!present) {
        continue;
      }
      const bool on_gpu = placement_.layer_on_gpu[i] && settings_.kv_offload;
      const auto reserve = [&](Bytes& end, std::int32_t in, Bytes size) {
        const Bytes begin = end;
        end += Bytes{round_up(size.count(), alignment)};
        return Range{.buffer = in, .begin = begin.count(), .end = end.count()};
      };
      CacheLayer& layer = cache.layers[i];
      layer.present = true;
      layer.storage = on_gpu ? Storage::gpu : Storage::cpu;
      layer.key_width = width;
      layer.keys = reserve(on_gpu ? cache.gpu : cache.host, buffer + (on_gpu ? 0 : 1),
                           row_size(cache.key_type, width) * cells * cache.streams);
      if (ratio > 1) {
        constexpr std::int64_t float_bytes = 4;
        const Bytes size = Bytes{float_bytes} * state_width * state_rows * cache.streams;
        Bytes& end = on_gpu ? cache.state_gpu : cache.state_host;
        layer.state_values = reserve(end, buffer + (on_gpu ? 2 : 3), size);
        layer.state_scores = reserve(end, buffer + (on_gpu ? 2 : 3), size);
      }
    }
    caches_.push_back(std::move(cache));
  }

  const Model& model_;
  const Settings& settings_;
  const Geometry& geometry_;
  const Placement& placement_;
  std::vector<KvCache> caches_;
};

}  // namespace

std::vector<KvCache> kv_caches(const Model& model, const Settings& settings,
                               const Geometry& geometry, const Placement& placement,
                               const LlamaCppRules& rules, bool flash) {
  if (!model.cached) {
    return {};
  }
  if (!model.layers.empty() &&
      std::holds_alternative<CompressedAttention>(model.layers.front().mixer)) {
    return CompressedCaches(model, settings, geometry, placement).make();
  }
  std::int64_t window = 0;
  std::int64_t widest_value = 0;
  bool latent = false;
  bool indexed = false;
  for (const Layer& layer : model.layers) {
    if (const auto* attention = std::get_if<Attention>(&layer.mixer)) {
      window = std::max(window, attention->window);
      widest_value = std::max(widest_value, attention->kv_heads * attention->value_dim);
      indexed = indexed || attention->indexer.has_value();
    } else if (const auto* compressed = std::get_if<LatentAttention>(&layer.mixer)) {
      latent = true;
      indexed = indexed || compressed->indexer.has_value();
    }
  }

  const std::size_t drafts = model.draft_cached ? static_cast<std::size_t>(model.draft_layers) : 0;
  std::vector<KvCache> caches;
  const auto make = [&](std::int64_t cells) {
    KvCache cache;
    cache.streams = geometry.streams;
    cache.cells = cells;
    cache.key_type = settings.cache_type_k;
    cache.value_type = settings.cache_type_v;
    cache.values_transposed = !flash;
    cache.widest_value = widest_value;
    cache.layers.resize(model.layers.size() + drafts);
    return cache;
  };
  const auto add_layer = [&](KvCache& cache, std::size_t i, std::int64_t keys,
                             std::int64_t values) {
    const auto buffer =
        static_cast<std::int32_t>(first_cache_buffer + 2 * static_cast<int>(caches.size()));
    const bool on_gpu = placement.layer_on_gpu[i] && settings.kv_offload;
    const auto reserve = [&](ElementType type, std::int64_t width) {
      Bytes& end = on_gpu ? cache.gpu : cache.host;
      const Bytes begin = end;
      end +=
          Bytes{round_up((row_size(type, width) * cache.cells * cache.streams).count(), alignment)};
      return Range{.buffer = buffer + (on_gpu ? 0 : 1), .begin = begin.count(), .end = end.count()};
    };
    CacheLayer& layer = cache.layers[i];
    layer.present = true;
    layer.storage = on_gpu ? Storage::gpu : Storage::cpu;
    layer.key_width = keys;
    layer.value_width = values;
    layer.keys = reserve(cache.key_type, keys);
    if (!cache.keys_only) {
      layer.values = reserve(cache.value_type, values);
    }
  };

  for (const bool sliding : {false, true}) {
    if (sliding && window == 0) {
      continue;
    }
    KvCache cache = make(geometry.cells);
    cache.sliding = sliding;
    cache.keys_only = latent;
    if (sliding && !settings.swa_full) {
      const std::int64_t slots = geometry.unified() ? geometry.sequences : 1;
      cache.cells =
          round_up(std::min(geometry.cells, checked_multiply(window, slots) + geometry.ubatch),
                   context_step);
    }
    Common key_head;
    Common value_head;
    for (std::size_t i = 0; i < cache.layers.size(); ++i) {
      const Mixer& mixer = model.layers[std::min(i, model.layers.size() - 1)].mixer;
      if (const auto* attention = std::get_if<Attention>(&mixer);
          // Blocks for drafting never slide (set_swa_pattern).
          attention != nullptr && attention->cache_layer < 0 &&
          (attention->window > 0 && i < model.layers.size()) == sliding) {
        key_head.see(attention->key_dim);
        value_head.see(attention->value_dim);
        add_layer(cache, i, attention->kv_heads * attention->key_dim,
                  flash ? attention->kv_heads * attention->value_dim : widest_value);
      } else if (const auto* compressed = std::get_if<LatentAttention>(&mixer)) {
        add_layer(cache, i, compressed->key_width(), 0);
      }
    }
    if (rules.cache_rotation && rotates(cache.key_type, key_head.value())) {
      cache.key_rotation = key_rotation_edge(key_head.value());
    }
    if (rules.cache_rotation && rotates(cache.value_type, value_head.value())) {
      cache.value_rotation = value_rotation_edge;
    }
    caches.push_back(std::move(cache));
  }

  if (indexed) {
    KvCache cache = make(geometry.cells);
    cache.indexer = true;
    cache.keys_only = latent;
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      if (const auto* compressed = std::get_if<LatentAttention>(&model.layers[i].mixer);
          compressed != nullptr && compressed->indexer && compressed->indexer->own) {
        add_layer(cache, i, compressed->indexer->key_dim, 0);
        // Always rotated, whatever the type (llama-kv-cache.cpp:325).
        cache.key_rotation = key_rotation_edge(compressed->indexer->key_dim);
      }
      // An ordinary cache of one head, values included, though nobody writes them
      // (llama-kv-cache-msa.cpp:34).
      if (const auto* attention = std::get_if<Attention>(&model.layers[i].mixer);
          attention != nullptr && attention->indexer) {
        add_layer(cache, i, attention->indexer->key_dim, attention->value_dim);
      }
    }
    caches.push_back(std::move(cache));
  }
  return caches;
}

}  // namespace membudget::llamacpp
