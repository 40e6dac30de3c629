// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"
#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "support/refusal.hpp"

namespace membudget::llamacpp::compressed_attention_test {
namespace {

constexpr std::int64_t head_dim = 512;
constexpr std::int64_t key_dim = 128;
constexpr std::int64_t float_bytes = 4;
constexpr std::int64_t half = 2;

Model compressed_model(std::initializer_list<std::int64_t> ratios) {
  Model model;
  model.id = "compressed";
  for (const std::int64_t ratio : ratios) {
    Layer layer;
    layer.mixer = CompressedAttention{.heads = 8,
                                      .head_dim = head_dim,
                                      .query_rank = 256,
                                      .output_groups = 4,
                                      .output_rank = 64,
                                      .window = 128,
                                      .ratio = ratio,
                                      .indexer = {.heads = 64, .key_dim = key_dim, .top_k = 512}};
    model.layers.push_back(layer);
  }
  return model;
}

Settings settings_of(std::int64_t context, std::int64_t slots = 1) {
  Settings settings;
  settings.context = context;
  settings.parallel = slots;
  settings.kv_unified = slots > 1;
  return settings;
}

std::vector<KvCache> caches_of(const Model& model, const Settings& settings) {
  return kv_caches(model, settings, geometry(settings, model), place_weights(model, settings),
                   LlamaCppRules{}, true);
}

TEST(CompressedCaches, KeepOneCellForSoManyTokensAndAWindowOfTheLatest) {
  const auto caches = caches_of(compressed_model({0, 4, 128}), settings_of(131072));
  EXPECT_EQ(caches[window_cache].cells, 768);  // 128 + 512 tokens of a batch, in steps of 256
  EXPECT_EQ(caches[window_cache].gpu, Bytes{3 * half * 768 * head_dim});
  EXPECT_EQ(caches[overlapping_cache].gpu, Bytes{half * 131072 / 4 * head_dim});
  EXPECT_EQ(caches[long_cache].gpu, Bytes{half * 131072 / 128 * head_dim});
  EXPECT_EQ(caches[picker_cache].gpu, Bytes{half * 131072 / 4 * key_dim});
}

TEST(CompressedCaches, RoundTheNumberOfSummariesUp) {
  const auto caches = caches_of(compressed_model({128}), settings_of(8192));
  EXPECT_EQ(caches[long_cache].cells, 256);
}

TEST(CompressedCaches, GiveEverySlotItsOwnEvenWhenTheContextIsShared) {
  const Model model = compressed_model({4, 128});
  const auto one = caches_of(model, settings_of(8192));
  const auto four = caches_of(model, settings_of(8192, 4));
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(four[i].streams, 4);
    EXPECT_EQ(four[i].gpu, 4 * one[i].gpu);
    EXPECT_EQ(four[i].state_gpu, 4 * one[i].state_gpu);
  }
}

// Summaries of 4 tokens reach into the 4 before, so 8 wait, at twice the width.
TEST(CompressedCaches, KeepTokensNotYetSummarisedInFullPrecision) {
  const auto caches = caches_of(compressed_model({4, 128}), settings_of(8192));
  EXPECT_EQ(caches[overlapping_cache].state_gpu, Bytes{2 * float_bytes * 8 * 2 * head_dim});
  EXPECT_EQ(caches[long_cache].state_gpu, Bytes{2 * float_bytes * 128 * head_dim});
  EXPECT_EQ(caches[picker_cache].state_gpu, Bytes{2 * float_bytes * 8 * 2 * key_dim});
  EXPECT_EQ(caches[window_cache].state_gpu, Bytes{});
}

TEST(CompressedCaches, RotateTheIndexersKeysAlwaysAndOthersWhenQuantized) {
  Settings settings = settings_of(8192);
  EXPECT_EQ(caches_of(compressed_model({4}), settings)[picker_cache].key_rotation, key_dim);
  EXPECT_EQ(caches_of(compressed_model({4}), settings)[overlapping_cache].key_rotation, 0);
  settings.cache_type_k = settings.cache_type_v = ElementType::q8_0;
  EXPECT_EQ(caches_of(compressed_model({4}), settings)[overlapping_cache].key_rotation, head_dim);
}

TEST(CompressedCaches, RefuseValuesOfAnotherTypeThanKeys) {
  Workload workload;
  workload.context = 8192;
  workload.cache_type_k = ElementType::q8_0;
  workload.cache_type_v = ElementType::f16;
  const Error error = membudget::test::error_of(
      [&] { return estimate(compressed_model({4}), Runtime{}, workload); });
  membudget::test::expect_refusal(error, Errc::bad_request, "--cache-type-v", "use the same type");
}

}  // namespace
}  // namespace membudget::llamacpp::compressed_attention_test
