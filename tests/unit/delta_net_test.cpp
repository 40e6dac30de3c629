// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "model/arch/arch.hpp"
#include "model/quantize.hpp"
#include "support/measured.hpp"
#include "support/quantizations.hpp"

namespace membudget::delta_net_test {
namespace {

// A Qwen 3.5 of four layers, three of them delta nets.
Model small_qwen35(std::int64_t draft_layers, std::int64_t head_dim = 128) {
  constexpr std::int64_t trunk = 4;
  constexpr std::int64_t heads = 4;
  Metadata metadata("small.gguf");
  metadata.set("general.architecture", std::string("qwen35"));
  const auto set = [&](const std::string& key, std::int64_t value) {
    metadata.set("qwen35." + key, value);
  };
  set("context_length", 32768);
  set("embedding_length", 1024);
  set("block_count", trunk + draft_layers);
  set("feed_forward_length", 2048);
  set("vocab_size", 4096);
  set("attention.head_count", heads);
  set("attention.head_count_kv", 2);
  set("attention.key_length", 256);
  set("attention.value_length", 256);
  set("ssm.conv_kernel", 4);
  set("ssm.state_size", head_dim);
  set("ssm.inner_size", heads * head_dim);
  set("ssm.time_step_rank", heads);
  set("ssm.group_count", heads);
  set("nextn_predict_layers", draft_layers);
  const std::vector<std::string> optional{"output.weight"};
  std::vector<TensorShape> shapes = find_architecture("qwen35")->tensors(metadata, optional);
  Model model =
      describe_model(metadata, quantize(std::move(shapes), metadata, test::file_type("Q8_0")));
  model.id = "small";
  return model;
}

Footprint planned(const Model& model, const Workload& workload) {
  return estimate(model, test::measured_runtime("b10587"), workload);
}

Workload one_slot() {
  Workload workload;
  workload.context = 8192;
  workload.parallel = 1;
  return workload;
}

TEST(DeltaNet, ABlockForDraftingTakesNoMemory) {
  const Model with = small_qwen35(1);
  ASSERT_GT(with.tensors.total(), small_qwen35(0).tensors.total());
  const Footprint drafting = planned(with, one_slot());
  const Footprint plain = planned(small_qwen35(0), one_slot());
  EXPECT_EQ(drafting.gpu.model, plain.gpu.model);
  EXPECT_EQ(drafting.gpu.kv, plain.gpu.kv);
  EXPECT_EQ(drafting.gpu.compute, plain.gpu.compute);
}

TEST(DeltaNet, ABlockForDraftingCountsAsALayerToOffload) {
  Workload workload = one_slot();
  workload.gpu_layers = 5;
  // The head and four blocks: of five blocks, the first stays on the CPU.
  EXPECT_GT(planned(small_qwen35(1), workload).host.kv, Bytes{});
  EXPECT_EQ(planned(small_qwen35(0), workload).host.kv, Bytes{});
}

TEST(DeltaNet, HeadsThatMetalCannotRunAreRefusedNotGuessed) {
  try {
    static_cast<void>(planned(small_qwen35(0, 48), one_slot()));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
  }
}

}  // namespace
}  // namespace membudget::delta_net_test
