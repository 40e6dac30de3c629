// SPDX-License-Identifier: MIT
// Rules of single architectures that the measured models do not show, or show only together.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "membudget/footprint.hpp"
#include "model/arch/arch.hpp"
#include "support/refusal.hpp"

namespace membudget::decoders_test {
namespace {

using test::error_of;
using test::expect_refusal;
using Keys = std::vector<std::pair<std::string, Metadata::Value>>;
using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t context = 2048;
constexpr std::int64_t width = 256;

Model small_model(const std::string& architecture, const Keys& keys,
                  const std::vector<Tensor>& more = {}) {
  Metadata metadata("small " + architecture);
  metadata.set("general.architecture", architecture);
  Keys all{{"block_count", std::int64_t{4}},
           {"context_length", context},
           {"embedding_length", width},
           {"feed_forward_length", std::int64_t{1024}},
           {"attention.head_count", std::int64_t{4}},
           {"attention.key_length", std::int64_t{64}},
           {"attention.value_length", std::int64_t{64}},
           {"vocab_size", std::int64_t{1000}}};
  all.insert(all.end(), keys.begin(), keys.end());
  for (const auto& [key, value] : all) {
    metadata.set(std::string(architecture).append(".").append(key), value);
  }
  std::vector<Tensor> tensors = more;
  for (const TensorShape& shape : find_architecture(architecture)->tensors(metadata, {})) {
    Tensor tensor;
    tensor.name = shape.name;
    tensor.shape = shape.shape;
    tensor.type = ElementType::f32;
    tensors.push_back(std::move(tensor));
  }
  std::int64_t offset = 0;
  for (Tensor& tensor : tensors) {
    tensor.offset = offset;
    offset += tensor.size().count();
  }
  return describe_model(metadata, TensorTable(std::move(tensors)));
}

Footprint planned(const Model& model, FlashAttention flash = FlashAttention::on) {
  Workload workload;
  workload.context = context;
  workload.flash_attention = flash;
  workload.outputs = 1;
  return estimate(model, Runtime{}, workload);
}

std::int64_t nodes(const Model& model) {
  return planned(model).graph_nodes;
}

// A whole layer, one without attention, one with a projection in its place, and nothing.
Keys thinned(std::int64_t layers) {
  return {{"block_count", layers},
          {"attention.head_count", Numbers{4, 0, 4, 0}},
          {"attention.head_count_kv", Numbers{4, 0, 0, 0}},
          {"feed_forward_length", Numbers{1024, 512, 1024, 0}}};
}

TEST(ThinnedLayers, HaveNoCacheButValuesAsWideAsOthersWithoutFlashAttention) {
  const Model model = small_model("deci", thinned(4));
  constexpr std::int64_t half_precision = 2;
  const Bytes per_layer{half_precision * width * context};
  EXPECT_EQ(planned(model).gpu.kv, per_layer * 2);
  EXPECT_EQ(planned(model, FlashAttention::off).gpu.kv, per_layer * 5);
}

TEST(ThinnedLayers, AreOnlyWhatTheyHold) {
  // The third layer: norm, weight, projection, sum; norm, weight, gate, up, their product, down,
  // sum.
  constexpr std::int64_t third = 11;
  // As the last one it drops rows of two tensors, where a feed-forward alone drops those of one.
  EXPECT_EQ(nodes(small_model("deci", thinned(3))),
            nodes(small_model("deci", thinned(2))) + third + 1);
}

TEST(ThinnedLayers, OfNothingDropNoRowsWhenTheyAreLast) {
  constexpr std::int64_t dropped = 2;
  EXPECT_EQ(nodes(small_model("deci", thinned(4))),
            nodes(small_model("deci", thinned(3))) - dropped);
}

TEST(ThinnedLayers, AreRefusedWhereTheEngineDropsTheirAttention) {
  Keys keys = thinned(4);
  keys.emplace_back("attention.head_count", Numbers{4, 0, 4, 4});
  expect_refusal(error_of([&] { return small_model("deci", keys); }), Errc::unsupported,
                 "small deci", "layer 3 has attention but no feed-forward");
}

TEST(MiniCpm, ScalesAlsoWhereTheFileStatesNoFactors) {
  const Keys stated{{"embedding_scale", 12.0}, {"residual_scale", 0.25}, {"logit_scale", 9.0}};
  EXPECT_EQ(nodes(small_model("minicpm", {})), nodes(small_model("minicpm", stated)));
  EXPECT_LT(nodes(small_model("granite", {})), nodes(small_model("granite", stated)));
}

TEST(Baichuan, RotatesOnlyInThe7B) {
  const auto of = [](const std::string& architecture, std::int64_t layers) {
    return nodes(small_model(architecture, {{"block_count", layers}}));
  };
  EXPECT_EQ(of("baichuan", 32), of("xverse", 32));
  EXPECT_EQ(of("baichuan", 40), of("refact", 40));
  EXPECT_EQ(of("baichuan", 40), of("xverse", 40) - 2 * 40);
}

TEST(GptNeoX, HasBothBranchesAliveAtOnceWhenTheyAreParallel) {
  const Model parallel = small_model("gptneox", {{"use_parallel_residual", true}});
  const Model sequential = small_model("gptneox", {{"use_parallel_residual", false}});
  EXPECT_EQ(nodes(parallel), nodes(sequential));
  EXPECT_GT(planned(parallel).gpu.compute, planned(sequential).gpu.compute);
}

TEST(Mpt, DividesByTheScalesOfAwq) {
  std::vector<Tensor> scales;
  for (const std::string layer : {"0", "1", "2", "3"}) {
    Tensor tensor;
    tensor.name = "blk." + layer + ".ffn_act.scales";
    tensor.shape = {1024, 1, 1, 1};
    tensor.type = ElementType::f32;
    scales.push_back(tensor);
  }
  EXPECT_EQ(nodes(small_model("mpt", {}, scales)), nodes(small_model("mpt", {})) + 4);
}

TEST(Olmo, NormsWithoutWeightsAndLimitsProjectionsWhereAsked) {
  const std::int64_t plain = nodes(small_model("olmo", {}));
  // Two norms per layer and the last one lose their weights against xverse.
  EXPECT_EQ(plain, nodes(small_model("xverse", {})) - (2 * 4 + 1));
  EXPECT_EQ(nodes(small_model("olmo", {{"attention.clamp_kqv", 8.0}})), plain + 3 * 4);
}

}  // namespace
}  // namespace membudget::decoders_test
