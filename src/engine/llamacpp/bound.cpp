// SPDX-License-Identifier: MIT
#include "engine/llamacpp/bound.hpp"

#include <algorithm>
#include <variant>

#include "engine/llamacpp/device.hpp"

namespace membudget::llamacpp {

ComputeBound compute_bound(const Model& model, const Geometry& geometry,
                           const std::vector<KvCache>& caches, bool flash) {
  std::int64_t widest = model.embedding;
  for (const Tensor& tensor : model.tensors.all()) {
    if (TensorTable::layer_of(tensor.name) < 0 || tensor.dimensions() < 2) {
      continue;
    }
    // Of a stack of experts a token passes a few.
    const std::int64_t used =
        tensor.dimensions() > 2 ? std::max<std::int64_t>(model.experts_used, 1) : 1;
    widest = std::max(widest, checked_multiply(tensor.shape[1], used));
  }
  constexpr std::int64_t float_bytes = 4;
  constexpr std::int64_t half_bytes = 2;
  constexpr std::int64_t alive = 6;  // gate, up and their product, twice
  std::int64_t heads = 1;
  std::int64_t head = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* attention = std::get_if<Attention>(&layer.mixer)) {
      heads = std::max(heads, attention->heads);
      head = std::max({head, attention->key_dim, attention->value_dim});
    }
  }
  // Without flash attention, asked for or for want of a kernel, the scores of all heads are kept,
  // and what they become; with it, partial results of some tokens.
  const bool scores = !flash || !has_metal_flash_attention(head);
  Bytes mask;
  Bytes scratch;
  for (const KvCache& cache : caches) {
    mask += Bytes{scores ? float_bytes : half_bytes} * cache.cells * geometry.tokens;
    for (const CacheLayer& layer : cache.layers) {
      const Bytes copy =
          Bytes{half_bytes} * (layer.key_width + layer.value_width) * cache.cells * cache.streams;
      scratch = std::max(scratch, copy);
    }
  }
  if (!caches.empty()) {
    constexpr std::int64_t groups = 32;
    constexpr std::int64_t vectors = 32;
    scratch += scores
                   ? Bytes{float_bytes} * geometry.cells * geometry.tokens * heads
                   : Bytes{float_bytes} * vectors * groups * heads * (head + 2) * geometry.streams;
  }
  const Bytes row = Bytes{float_bytes} * geometry.tokens;
  ComputeBound result;
  result.gpu = row * (4 * model.embedding) + row * widest * alive + mask + scratch +
               Bytes{float_bytes} * geometry.outputs * (model.vocabulary + 2 * model.embedding);
  // Inputs: embeddings in place of tokens and the rows looked up, each with a copy, what says where
  // tokens go, and the masks.
  constexpr std::int64_t numbers = 8;
  result.host = row * (4 * model.embedding + numbers) + mask + mib(1);
  return result;
}

}  // namespace membudget::llamacpp
