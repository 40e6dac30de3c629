// SPDX-License-Identifier: MIT
#include "engine/llamacpp/saved_state.hpp"

#include <algorithm>

#include "membudget/units.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t number = 4;
constexpr std::int64_t float_bytes = 4;
// Of the whole and of each layer's keys, values or state: what they are, and how many.
constexpr std::int64_t head = 8;
constexpr std::int64_t layer_head = 12;

// Position and sequences of a cell; with M-RoPE the place in the image as well.
std::int64_t cell_head(const Model& model) {
  constexpr std::int64_t flat = 12;
  constexpr std::int64_t spatial = 20;
  return model.position_axes > 1 ? spatial : flat;
}

// Without what pads it to the widest layer when it is stored transposed.
std::int64_t value_width(const Model& model, const KvCache& cache, std::size_t layer) {
  const Mixer& mixer = model.layers[std::min(layer, model.layers.size() - 1)].mixer;
  const auto* attention = std::get_if<Attention>(&mixer);
  return attention == nullptr || cache.indexer ? cache.layers[layer].value_width
                                               : attention->kv_heads * attention->value_dim;
}

// llama_kv_cache::state_write. Of a sliding window only the cells that are still looked at.
Bytes written(const Model& model, const KvCache& cache, std::int64_t window, std::int64_t tokens) {
  const bool used = std::any_of(cache.layers.begin(), cache.layers.end(),
                                [](const CacheLayer& layer) { return layer.present; });
  if (!used) {
    return {};  // as of models that only keep states
  }
  Bytes result{number + number * cache.streams};
  const std::int64_t cells = cache.sliding ? std::min(tokens, window) : tokens;
  if (cells == 0) {
    return result;
  }
  result += Bytes{head + cells * cell_head(model)};
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    if (!cache.layers[i].present) {
      continue;
    }
    result += Bytes{layer_head} + row_size(cache.key_type, cache.layers[i].key_width) * cells;
    if (!cache.keys_only) {
      result +=
          Bytes{layer_head} + row_size(cache.value_type, value_width(model, cache, i)) * cells;
    }
  }
  return result;
}

std::int64_t window_of(const Model& model) {
  std::int64_t window = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* attention = std::get_if<Attention>(&layer.mixer)) {
      window = std::max(window, attention->window);
    }
  }
  return window;
}

// llama_memory_recurrent::state_write: the latest state of one sequence.
Bytes written(const RecurrentState& state) {
  constexpr std::int64_t fixed = 20;
  constexpr std::int64_t heads = 24;
  if (state.count() == 0) {
    return {};
  }
  Bytes result{fixed};
  for (const StateLayer& layer : state.layers) {
    if (layer.present) {
      result += Bytes{heads} + Bytes{float_bytes} * (layer.tail_width + layer.matrix_width);
    }
  }
  return result;
}

}  // namespace

Bytes saved_state(const Model& model, const std::vector<KvCache>& caches,
                  const RecurrentState& state, std::int64_t tokens) {
  Bytes result{head};
  for (const KvCache& cache : caches) {
    result += written(model, cache, window_of(model), tokens);
  }
  return result + written(state);
}

Bytes checkpoint(const Model& model, const std::vector<KvCache>& caches,
                 const RecurrentState& state, std::int64_t tokens) {
  Bytes sliding;
  for (const KvCache& cache : caches) {
    if (cache.sliding) {
      sliding += written(model, cache, window_of(model), tokens);
    }
  }
  const Bytes recurrent = written(state);
  return sliding == Bytes{} && recurrent == Bytes{} ? Bytes{} : Bytes{head} + sliding + recurrent;
}

}  // namespace membudget::llamacpp
