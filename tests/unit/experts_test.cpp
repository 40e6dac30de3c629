// SPDX-License-Identifier: MIT
// Rules about mixtures of experts that one would not expect; their sizes are checked against the
// measured engine.
#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "membudget/footprint.hpp"
#include "model/arch/arch.hpp"
#include "support/refusal.hpp"

namespace membudget::experts_test {
namespace {

using Numbers = std::vector<std::pair<std::string_view, std::int64_t>>;

Metadata metadata_of(std::string_view architecture, const Numbers& numbers) {
  Metadata metadata("made by hand");
  metadata.set("general.architecture", std::string(architecture));
  for (const auto& [key, value] : numbers) {
    metadata.set(std::string(architecture).append(".").append(key), value);
  }
  return metadata;
}

Model model_of(const Metadata& metadata) {
  std::vector<Tensor> tensors;
  std::int64_t offset = 0;
  for (const TensorShape& shape :
       find_architecture(metadata.architecture())->tensors(metadata, {})) {
    Tensor tensor{
        .name = shape.name, .shape = shape.shape, .type = ElementType::f16, .offset = offset};
    offset += tensor.size().count();
    tensors.push_back(std::move(tensor));
  }
  return describe_model(metadata, TensorTable(std::move(tensors)));
}

Runtime engine() {
  Runtime runtime;
  runtime.id = "llama.cpp";
  runtime.version = "b10587";
  return runtime;
}

// Granite 3.1 1B A400M: ten tensors per layer, and a graph of many more nodes than that.
const Numbers granite_1b{
    {"context_length", 131072},     {"embedding_length", 1024}, {"block_count", 24},
    {"feed_forward_length", 512},   {"vocab_size", 49155},      {"attention.head_count", 16},
    {"attention.head_count_kv", 8}, {"expert_count", 32},       {"expert_used_count", 8},
    {"embedding_scale", 12},        {"residual_scale", 1}};

const Numbers small_glm{{"context_length", 8192},
                        {"embedding_length", 512},
                        {"block_count", 4},
                        {"feed_forward_length", 1024},
                        {"vocab_size", 1000},
                        {"attention.head_count", 8},
                        {"attention.head_count_kv", 2},
                        {"expert_count", 8},
                        {"expert_used_count", 2},
                        {"expert_feed_forward_length", 256},
                        {"expert_shared_count", 1},
                        {"leading_dense_block_count", 1},
                        {"nextn_predict_layers", 1}};

TEST(Experts, AGraphWithMoreTensorsThanTheSchedulerHoldsIsRefused) {
  const Model model = model_of(metadata_of("granitemoe", granite_1b));
  Workload workload;
  workload.context = 8192;
  EXPECT_NO_THROW(static_cast<void>(estimate(model, engine(), workload)));
  workload.cache_type_k = workload.cache_type_v = ElementType::q8_0;
  test::expect_refusal(test::error_of([&] { return estimate(model, engine(), workload); }),
                       Errc::bad_request, "settings", "there is room for 2053");
}

TEST(Experts, ADraftBlockOfGlm45HasACacheThoughItIsNotLoaded) {
  const Model model = model_of(metadata_of("glm4moe", small_glm));
  ASSERT_EQ(model.layers.size(), 3U);
  Workload workload;
  workload.context = 8192;
  const Footprint footprint = estimate(model, engine(), workload);
  constexpr std::int64_t per_layer = 8192 * 2 * 2 * 64 * 2;  // cells, K and V, heads, size, f16
  EXPECT_EQ(footprint.gpu.kv.count() + footprint.host.kv.count(), 4 * per_layer);
  EXPECT_LT(footprint.gpu.model, model.tensors.total());
}

TEST(Experts, MoreExpertsUsedThanThereAreIsAnInvalidModel) {
  Numbers numbers = granite_1b;
  numbers[8].second = 33;
  test::expect_refusal(test::error_of([&] { return model_of(metadata_of("granitemoe", numbers)); }),
                       Errc::invalid_model, "made by hand", "32 experts of which 33 are used");
}

// Found by fuzzing: it was planned, and the sum over no expert read beyond its list.
TEST(Experts, AnEncoderThatUsesNoneOfThemIsAnInvalidModel) {
  const Numbers numbers{
      {"context_length", 512},        {"embedding_length", 64}, {"block_count", 2},
      {"feed_forward_length", 128},   {"vocab_size", 1000},     {"attention.head_count", 4},
      {"attention.head_count_kv", 4}, {"expert_count", 8},      {"expert_used_count", 0},
      {"moe_every_n_layers", 2}};
  test::expect_refusal(
      test::error_of([&] { return model_of(metadata_of("nomic-bert-moe", numbers)); }),
      Errc::invalid_model, "made by hand", "8 experts of which 0 are used");
}

}  // namespace
}  // namespace membudget::experts_test
