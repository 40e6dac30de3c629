// SPDX-License-Identifier: MIT
#include "engine/llamacpp/bound.hpp"

#include <algorithm>

namespace membudget::llamacpp {

ComputeBound compute_bound(const Model& model, const Geometry& geometry,
                           const std::vector<KvCache>& caches) {
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
  Bytes mask;
  Bytes scratch;
  for (const KvCache& cache : caches) {
    mask += Bytes{half_bytes} * cache.cells * geometry.tokens;
    for (const CacheLayer& layer : cache.layers) {
      const Bytes copy = Bytes{half_bytes} * (layer.key_width + layer.value_width) * cache.cells *
                         cache.streams;
      scratch = std::max(scratch, copy);
    }
  }
  const Bytes row = Bytes{float_bytes} * geometry.tokens;
  ComputeBound result;
  result.gpu = row * (4 * model.embedding) + row * widest * alive + mask + scratch +
               Bytes{float_bytes} * geometry.outputs * (model.vocabulary + 2 * model.embedding);
  result.host = row * (2 * model.embedding) + mask + mib(1);
  return result;
}

}  // namespace membudget::llamacpp
