// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"
#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "support/refusal.hpp"

namespace membudget::llamacpp::latent_attention_test {
namespace {

constexpr std::int64_t latent_dim = 512;
constexpr std::int64_t rope_dim = 64;
constexpr std::int64_t context = 8192;
constexpr std::int64_t half = 2;

Model sparse_model(std::initializer_list<bool> own_indexers) {
  Model model;
  model.id = "sparse";
  for (const bool own : own_indexers) {
    Layer layer;
    layer.mixer =
        LatentAttention{.heads = 8,
                        .latent_dim = latent_dim,
                        .rope_dim = rope_dim,
                        .nope_dim = 128,
                        .value_dim = 128,
                        .query_rank = 256,
                        .indexer = Indexer{.heads = 64, .key_dim = 128, .top_k = 2048, .own = own}};
    model.layers.push_back(layer);
  }
  return model;
}

std::vector<KvCache> caches_of(const Model& model, ElementType type) {
  Settings settings;
  settings.context = context;
  settings.cache_type_k = settings.cache_type_v = type;
  return kv_caches(model, settings, geometry(settings, model), place_weights(model, settings),
                   LlamaCppRules{}, true);
}

TEST(LatentCache, HoldsOneLatentAndItsPositionPerTokenAndNoValues) {
  const KvCache latents = caches_of(sparse_model({true, true}), ElementType::f16).front();
  EXPECT_EQ(latents.gpu, Bytes{2 * half * context * (latent_dim + rope_dim)});
}

// The engine makes the matrices for such a cache as well, but never uses them.
TEST(LatentCache, IsNotRotatedWhenQuantized) {
  EXPECT_EQ(caches_of(sparse_model({true}), ElementType::q8_0).front().key_rotation, 0);
}

TEST(IndexerCache, IsRotatedEvenInHalfPrecision) {
  EXPECT_EQ(caches_of(sparse_model({true}), ElementType::f16).back().key_rotation, 128);
}

TEST(IndexerCache, CoversOnlyLayersWithAnIndexerOfTheirOwn) {
  const KvCache keys = caches_of(sparse_model({true, false, false, true}), ElementType::f16).back();
  EXPECT_TRUE(keys.indexer);
  EXPECT_EQ(keys.gpu, Bytes{2 * half * context * 128});
}

TEST(LatentCache, RefusesValuesOfAnotherTypeThanKeys) {
  Workload workload;
  workload.context = context;
  workload.cache_type_k = ElementType::q8_0;
  workload.cache_type_v = ElementType::f16;
  const Error error = membudget::test::error_of(
      [&] { return estimate(sparse_model({true}), Runtime{}, workload); });
  membudget::test::expect_refusal(error, Errc::bad_request, "--cache-type-v", "use the same type");
}

}  // namespace
}  // namespace membudget::llamacpp::latent_attention_test
