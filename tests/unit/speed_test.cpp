// SPDX-License-Identifier: MIT
#include "membudget/speed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "speed/token_work.hpp"

namespace membudget::speed_test {
namespace {

using testing::HasSubstr;

class SpeedTest : public testing::Test {
 protected:
  [[nodiscard]] Footprint footprint(const Model& model, Workload workload = {}) const {
    workload.context = workload.context.value_or(8192);
    workload.parallel = 1;
    return estimate(model, runtime_, workload);
  }
  [[nodiscard]] Speed speed_of(const Model& model, const char* chip,
                               const SpeedRequest& request = {},
                               const Workload& workload = {}) const {
    return speed(model, machine(profiles_.chip(chip)), footprint(model, workload), rules_, request);
  }
  [[nodiscard]] double weights_read(const Model& model, Workload workload = {}) const {
    double sum = 0;
    for (const WeightReads& reads : token_work(model, footprint(model, workload)).weights) {
      sum += reads.bytes;
    }
    return sum;
  }

  Profiles profiles_ = Profiles::embedded();
  Runtime runtime_ = profiles_.runtime("llama.cpp@b10587");
  SpeedRules rules_ = profiles_.speed_rules(runtime_).value();
};

TEST_F(SpeedTest, ATokenReadsEveryWeightButTheEmbeddingOnce) {
  const Model model = profiles_.model("llama-3.1-8b", "Q4_K_M");
  const Tensor& embedding = *model.tensors.find("token_embd.weight");
  const double row = static_cast<double>(row_size(embedding.type, embedding.shape[0]).count());
  const auto whole = model.tensors.total() - embedding.size();
  EXPECT_DOUBLE_EQ(weights_read(model), static_cast<double>(whole.count()) + row);
}

TEST_F(SpeedTest, ATiedEmbeddingIsReadAsTheOutput) {
  const Model model = profiles_.model("gemma-3-4b", "Q4_0");
  ASSERT_EQ(model.tensors.find("output.weight"), nullptr);
  EXPECT_DOUBLE_EQ(weights_read(model), static_cast<double>(model.tensors.total().count()));
}

TEST_F(SpeedTest, OfExpertsATokenReadsThoseItUses) {
  // 4 of 32 experts in MXFP4, the rest in Q8_0 and F32: 2.56 GB
  // (tests/measured/data/throughput.jsonl rests on the same figure).
  EXPECT_NEAR(weights_read(profiles_.model("gpt-oss-20b", "MXFP4_MOE")) / 1e9, 2.57, 0.02);
}

TEST_F(SpeedTest, BlocksForDraftingAreNotRead) {
  const Model model = profiles_.model("glm-4.5-air", "Q4_K_M");
  ASSERT_GT(model.draft_layers, 0);
  double trunk = 0;
  for (const WeightReads& reads : token_work(model, footprint(model)).weights) {
    trunk += reads.resident_bytes;
  }
  EXPECT_LT(trunk, static_cast<double>(model.tensors.total().count()));
}

TEST_F(SpeedTest, AWindowBoundsWhatATokenLooksBackAt) {
  const Model model = profiles_.model("gpt-oss-20b", "MXFP4_MOE");  // Every other layer: 128.
  const Settings settings = footprint(model).settings;
  const double row = 2.0 * 8 * 64 * 2;  // K and V of 8 heads of 64, in F16.
  EXPECT_DOUBLE_EQ(cache_reads(model, settings, 9'999).bytes, 12 * row * 10'000 + 12 * row * 128);
}

TEST_F(SpeedTest, ALatentIsReadOnceForAllHeads) {
  const Model model = profiles_.model("glm-4.7-flash", "Q8_0");
  const Settings settings = footprint(model).settings;
  // 47 layers x 576 elements x 2 B: the published 54144 bytes per token.
  EXPECT_DOUBLE_EQ(cache_reads(model, settings, 0).bytes, 54144);
}

TEST_F(SpeedTest, AQuantizedCacheIsReadInItsOwnBytes) {
  const Model model = profiles_.model("llama-3.1-8b", "Q4_K_M");
  Workload q8;
  q8.cache_type_k = q8.cache_type_v = ElementType::q8_0;
  const double f16 = cache_reads(model, footprint(model).settings, 4095).bytes;
  EXPECT_DOUBLE_EQ(cache_reads(model, footprint(model, q8).settings, 4095).bytes, f16 * 34 / 64);
}

TEST_F(SpeedTest, LayersOnTheCpuAreSlower) {
  const Model model = profiles_.model("llama-3.1-8b", "Q4_K_M");
  double last = 0;
  for (const std::int64_t layers : {0, 10, 20, 33}) {
    Workload workload;
    workload.gpu_layers = layers;
    const Speed made = speed_of(model, "m1-max-32gb", {}, workload);
    EXPECT_GT(made.generation.tps, last) << layers;
    EXPECT_EQ(made.token.cpu > 0, layers < 33);
    EXPECT_EQ(made.basis, layers < 33 ? Basis::assumed : Basis::measured);
    last = made.generation.tps;
  }
}

TEST_F(SpeedTest, ExpertsOnTheCpuTakeItsTime) {
  const Model model = profiles_.model("qwen3-30b-a3b", "Q4_K_M");
  Workload workload;
  workload.cpu_moe = true;
  const Speed all = speed_of(model, "m4-max-36gb");
  const Speed split = speed_of(model, "m4-max-36gb", {}, workload);
  EXPECT_EQ(all.token.cpu, 0);
  EXPECT_GT(split.token.cpu, split.token.weights);
  EXPECT_LT(split.generation.tps, all.generation.tps);
}

TEST_F(SpeedTest, WhatFollowsAPromptIsGeneratedAfterIt) {
  SpeedRequest alone;
  alone.prompt_tokens = 8000;
  SpeedRequest after = alone;
  after.after_prompt = true;
  SpeedRequest deep = alone;
  deep.depth = 8000;
  const auto tps = [&](const SpeedRequest& request) {
    return speed_of(profiles_.model("llama3.1:8b"), "m1-max-32gb", request).generation.tps;
  };
  EXPECT_EQ(tps(after), tps(deep));
  EXPECT_LT(tps(after), tps(alone));
  EXPECT_EQ(after.generated_from(), 8000);
  EXPECT_EQ(alone.generated_from(), 0);
}

TEST_F(SpeedTest, MatrixUnitsShortenPromptsOnly) {
  const Model model = profiles_.model("llama-2-7b", "Q4_0");
  Machine m5 = machine(profiles_.chip("m5-max-128gb"));
  ASSERT_TRUE(m5.chip.gpu_matrix_fp16_tflops);
  const Speed with = speed(model, m5, footprint(model), rules_, {});
  m5.chip.gpu_matrix_fp16_tflops.reset();
  const Speed without = speed(model, m5, footprint(model), rules_, {});
  EXPECT_GT(with.prompt.tps, 2 * without.prompt.tps);
  EXPECT_DOUBLE_EQ(with.generation.tps, without.generation.tps);
}

TEST_F(SpeedTest, WhatNobodyMeasuredIsAssumedWithAWiderRange) {
  const Model model = profiles_.model("llama-3.1-8b", "Q4_K_M");
  const Speed known = speed_of(model, "m4-16gb");
  const Speed unknown = speed_of(model, "m6-16gb");
  EXPECT_EQ(known.basis, Basis::measured);
  EXPECT_EQ(known.note, "");
  EXPECT_EQ(unknown.basis, Basis::assumed);
  EXPECT_THAT(unknown.note, HasSubstr("M6"));
  EXPECT_LT(unknown.generation.low / unknown.generation.tps,
            known.generation.low / known.generation.tps);
  const Speed rare = speed_of(profiles_.model("llama-3.1-8b", "IQ2_XS"), "m4-16gb");
  EXPECT_EQ(rare.basis, Basis::assumed);
  EXPECT_THAT(rare.note, HasSubstr("IQ2_XS"));
}

TEST_F(SpeedTest, EncodersDoNotGenerate) {
  const Speed made = speed_of(profiles_.model("bge-m3", "F16"), "m1-16gb");
  EXPECT_EQ(made.generation.tps, 0);
  EXPECT_GT(made.prompt.tps, 100);
}

TEST_F(SpeedTest, TheDocumentsThresholdsNameTheExperience) {
  EXPECT_EQ(to_string(experience_of(4.99)), "unusable");
  EXPECT_EQ(to_string(experience_of(5)), "frustrating");
  EXPECT_EQ(to_string(experience_of(10)), "acceptable");
  EXPECT_EQ(to_string(experience_of(15)), "good");
  EXPECT_EQ(to_string(experience_of(20)), "seamless");
  EXPECT_EQ(to_string(first_token_of(299)), "instant");
  EXPECT_EQ(to_string(first_token_of(300)), "fast");
  EXPECT_EQ(to_string(first_token_of(1000)), "noticeable");
  EXPECT_EQ(to_string(first_token_of(3000)), "noticeable");
  EXPECT_EQ(to_string(first_token_of(3001)), "slow");
}

TEST_F(SpeedTest, KernelsCountedByLayerComeNearTheGraphs) {
  for (const char* const name : {"llama-3.1-8b", "qwen3-8b", "gemma-3-4b", "qwen3-30b-a3b",
                                 "gpt-oss-20b", "qwen3.5-9b", "glm-4.7-flash", "lfm2-8b-a1b"}) {
    const Model model = profiles_.model(name);
    Footprint made = footprint(model);
    const auto graph = static_cast<double>(token_work(model, made).kernels);
    made.graph_kernels = 0;
    const auto counted = static_cast<double>(token_work(model, made).kernels);
    EXPECT_NEAR(counted / graph, 1, 0.25) << name;
  }
}

TEST_F(SpeedTest, RuntimesOnOneEngineDifferByWhatTheyAdd) {
  Runtime ollama = runtime_;
  ollama.id = "ollama";
  Runtime unknown = runtime_;
  unknown.id = "my-server";
  Runtime mlx = runtime_;
  mlx.id = "mlx";
  EXPECT_GT(profiles_.speed_rules(ollama)->token_us, 0);
  EXPECT_EQ(profiles_.speed_rules(ollama)->engine, "llama.cpp");
  EXPECT_EQ(profiles_.speed_rules(unknown)->engine, "llama.cpp");
  EXPECT_EQ(profiles_.speed_rules(unknown)->token_us, 0);
  EXPECT_EQ(profiles_.speed_rules(mlx)->engine, "mlx");
}

TEST_F(SpeedTest, ReadingFromMemoryBoundsTheM1) {
  const Speed made = speed_of(profiles_.model("deepseek-coder-6.7b", "Q4_K_M"), "m1-16gb");
  EXPECT_LT(made.bound_tps, 18);  // The documents promise 28 to 40.
  EXPECT_EQ(bottleneck(made), "reading the weights");
}

}  // namespace
}  // namespace membudget::speed_test
