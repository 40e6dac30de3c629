// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "membudget/footprint.hpp"
#include "model/arch/arch.hpp"
#include "model/quantize.hpp"
#include "support/measured.hpp"
#include "support/quantizations.hpp"
#include "support/refusal.hpp"

namespace membudget::block_attention_test {
namespace {

constexpr std::int64_t layers = 3;  // The first of them dense.
constexpr std::int64_t kv_heads = 2;
constexpr std::int64_t head_dim = 128;
constexpr std::int64_t context = 8192;

Metadata small_metadata() {
  Metadata metadata("small.gguf");
  metadata.set("general.architecture", std::string("minimax-m3"));
  const auto set = [&](const std::string& key, std::int64_t value) {
    metadata.set("minimax-m3." + key, value);
  };
  set("context_length", 65536);
  set("embedding_length", 1024);
  set("block_count", layers);
  set("leading_dense_block_count", 1);
  set("feed_forward_length", 2048);
  set("vocab_size", 4096);
  set("attention.head_count", 8);
  set("attention.head_count_kv", kv_heads);
  set("attention.key_length", head_dim);
  set("attention.value_length", head_dim);
  set("attention.indexer.head_count", kv_heads);
  set("attention.indexer.key_length", head_dim);
  set("attention.indexer.block_size", 128);
  set("attention.indexer.top_k", 16);
  set("expert_count", 8);
  set("expert_used_count", 2);
  set("expert_feed_forward_length", 512);
  set("expert_shared_count", 1);
  set("expert_gating_func", 2);
  return metadata;
}

Model model_of(const Metadata& metadata) {
  const std::vector<std::string> optional{"output.weight"};
  std::vector<TensorShape> shapes = find_architecture("minimax-m3")->tensors(metadata, optional);
  Model model =
      describe_model(metadata, quantize(std::move(shapes), metadata, test::file_type("Q8_0")));
  model.id = "small";
  return model;
}

Workload slots(std::int64_t parallel, bool unified) {
  Workload workload;
  workload.context = context;
  workload.parallel = parallel;
  workload.kv_unified = unified;
  return workload;
}

Footprint planned(const Workload& workload) {
  return estimate(model_of(small_metadata()), test::measured_runtime("b10587"), workload);
}

std::string compute_note(const Footprint& plan) {
  const auto part = std::find_if(plan.parts.begin(), plan.parts.end(), [](const Part& each) {
    return each.name == PartName::compute && each.where == Place::gpu;
  });
  return part == plan.parts.end() ? "" : part->note;
}

// The indexer's cache is an ordinary one of one head, though nobody reads its values.
TEST(BlockAttention, IndexersHaveRoomForValuesToo) {
  constexpr std::int64_t half = 2;
  constexpr std::int64_t keys_and_values = 2;
  constexpr std::int64_t sparse = layers - 1;
  EXPECT_EQ(planned(slots(1, false)).gpu.kv,
            Bytes{half * keys_and_values * context * head_dim * (layers * kv_heads + sparse)});
}

// Blocks are counted per stream: slots that share one get dense attention.
TEST(BlockAttention, IsDenseWhereSlotsShareTheCache) {
  EXPECT_LT(planned(slots(4, true)).graph_nodes, planned(slots(1, false)).graph_nodes);
  EXPECT_GT(planned(slots(4, false)).graph_nodes, planned(slots(1, false)).graph_nodes);
  Workload dense = slots(1, false);
  dense.flash_attention = FlashAttention::off;
  EXPECT_LT(planned(dense).graph_nodes, planned(slots(1, false)).graph_nodes);
}

// The graph covers the positions in use, and it is reserved while there are none.
TEST(BlockAttention, SaysHowFarItsBufferGrows) {
  EXPECT_NE(compute_note(planned(slots(1, false))).find("as the context fills"), std::string::npos);
  EXPECT_EQ(compute_note(planned(slots(4, true))).find("grows"), std::string::npos);
}

TEST(BlockAttention, RefusesAnotherNumberOfIndexerHeads) {
  Metadata metadata = small_metadata();
  metadata.set("minimax-m3.attention.indexer.head_count", std::int64_t{4});
  test::expect_refusal(test::error_of([&] { return model_of(metadata); }), Errc::invalid_model,
                       "small.gguf", "there are 2 key-value heads");
}

}  // namespace
}  // namespace membudget::block_attention_test
