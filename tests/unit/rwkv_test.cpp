// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "membudget/footprint.hpp"
#include "model/arch/arch.hpp"
#include "model/quantize.hpp"
#include "support/measured.hpp"
#include "support/quantizations.hpp"
#include "support/refusal.hpp"

namespace membudget::rwkv_test {
namespace {

constexpr std::int64_t layers = 3;
constexpr std::int64_t embedding = 512;
constexpr std::int64_t head_dim = 64;

Metadata small_metadata(const std::string& architecture) {
  Metadata metadata("small.gguf");
  metadata.set("general.architecture", architecture);
  const auto set = [&](const std::string& key, std::int64_t value) {
    metadata.set(architecture + "." + key, value);
  };
  set("context_length", 4096);
  set("embedding_length", embedding);
  set("block_count", layers);
  set("feed_forward_length", 2048);
  set("vocab_size", 4096);
  set("attention.head_count", 0);
  set("wkv.head_size", head_dim);
  set("time_mix_extra_dim", 32);
  set("time_decay_extra_dim", 64);
  set("attention.decay_lora_rank", 64);
  set("attention.iclr_lora_rank", 64);
  set("attention.value_residual_mix_lora_rank", 32);
  if (architecture == "rwkv7") {
    set("attention.gate_lora_rank", 128);
  }
  return metadata;
}

Model model_of(const Metadata& metadata, std::vector<std::string> optional = {}) {
  optional.emplace_back("output.weight");
  const Architecture& architecture = *find_architecture(metadata.architecture());
  Model model = describe_model(metadata, quantize(architecture.tensors(metadata, optional),
                                                  metadata, test::file_type("Q8_0")));
  model.id = "small";
  return model;
}

// A Qwen 2.5 whose attention was replaced by version 6's.
Metadata replaced(std::int64_t kv_heads = 0) {
  Metadata metadata = small_metadata("rwkv6qwen2");
  metadata.set("rwkv6qwen2.token_shift_count", std::int64_t{1});
  if (kv_heads > 0) {
    metadata.set("rwkv6qwen2.attention.head_count_kv", kv_heads);
  }
  return metadata;
}

Footprint planned(const Model& model) {
  Workload workload;
  workload.context = 2048;
  workload.parallel = 1;
  return estimate(model, test::measured_runtime("b10587"), workload);
}

TEST(Rwkv, RemembersTwoInputsOfTheLastTokenAndAMatrixPerHead) {
  const Footprint plan = planned(model_of(small_metadata("rwkv7")));
  EXPECT_EQ(plan.gpu.kv, Bytes{4 * layers * (2 * embedding + head_dim * embedding)});
}

// Without a channel mix there is no input of it to remember.
TEST(Rwkv, InAQwenRemembersOneInputOfTheLastToken) {
  const Footprint plan = planned(model_of(replaced()));
  EXPECT_EQ(plan.gpu.kv, Bytes{4 * layers * (embedding + head_dim * embedding)});
}

// Metal has no kernel for it, so every layer goes to the CPU and back.
TEST(Rwkv, GatedLinearAttentionRunsOnTheCpu) {
  EXPECT_EQ(planned(model_of(small_metadata("rwkv6"))).graph_splits, 2);
  EXPECT_EQ(planned(model_of(replaced())).graph_splits, 2 + 2 * layers);
}

// A reshape and a copy for keys, the same for values.
TEST(Rwkv, SharedKeysAndValuesAreCopiedForEveryHead) {
  constexpr std::int64_t heads = embedding / head_dim;
  const std::int64_t plain = planned(model_of(replaced())).graph_nodes;
  EXPECT_EQ(planned(model_of(replaced(heads))).graph_nodes, plain);
  EXPECT_EQ(planned(model_of(replaced(heads / 4))).graph_nodes, plain + 4 * layers);
}

// Five times three operations instead of three and two reshapes for all.
TEST(Rwkv, OlderFilesBlendInputsOneByOne) {
  const Metadata metadata = small_metadata("rwkv6");
  const std::int64_t fused = planned(model_of(metadata)).graph_nodes;
  EXPECT_EQ(planned(model_of(metadata, {"time_mix_lerp_w.weight"})).graph_nodes,
            fused + 10 * layers);
}

TEST(Rwkv, HalvesTheHiddenStateEverySoManyLayers) {
  Metadata metadata = small_metadata("rwkv6");
  const std::int64_t never = planned(model_of(metadata)).graph_nodes;
  metadata.set("rwkv6.rescale_every_n_layers", std::int64_t{2});
  EXPECT_EQ(planned(model_of(metadata)).graph_nodes, never + layers / 2);
}

TEST(Rwkv, GatesItsResultWhereTheFileHasTheMatrices) {
  Metadata metadata = small_metadata("arwkv7");
  metadata.set("arwkv7.token_shift_count", std::int64_t{1});
  const std::int64_t open = planned(model_of(metadata)).graph_nodes;
  metadata.set("arwkv7.attention.gate_lora_rank", std::int64_t{128});
  // A view of the sixth blend, two matrices with a sigmoid between them, and the product.
  EXPECT_EQ(planned(model_of(metadata)).graph_nodes, open + 5 * layers);
}

// The engine's graph asserts the count and ends the process.
TEST(Rwkv, RefusesATokenShiftThatTheEngineAborts) {
  Metadata metadata = small_metadata("rwkv7");
  metadata.set("rwkv7.token_shift_count", std::int64_t{1});
  test::expect_refusal(test::error_of([&] { return model_of(metadata); }), Errc::invalid_model,
                       "small.gguf", "token_shift_count' is 1, the engine wants 2");
}

TEST(Rwkv, RefusesHeadsThatDoNotDivideTheEmbedding) {
  Metadata metadata = small_metadata("rwkv6");
  metadata.set("rwkv6.wkv.head_size", std::int64_t{48});
  test::expect_refusal(test::error_of([&] { return model_of(metadata); }), Errc::invalid_model,
                       "small.gguf", "does not divide");
}

}  // namespace
}  // namespace membudget::rwkv_test
