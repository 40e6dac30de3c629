// SPDX-License-Identifier: MIT
// How mlx-lm's memory follows from layers and tokens, by hand where a hand can reckon it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "membudget/advise.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"
#include "support/refusal.hpp"

namespace membudget::mlx_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::AnyOf;
using testing::HasSubstr;

const Runtime& mlx() {
  static const Runtime runtime = profiles().runtime("mlx");
  return runtime;
}

Workload asked(std::int64_t prompt, std::int64_t generate = 128, std::int64_t step = 2048) {
  Workload out;
  out.prompt_tokens = prompt;
  out.generate_tokens = generate;
  out.prefill_step = step;
  return out;
}

Footprint planned(const std::string& model, const Workload& workload) {
  return estimate(profiles().model(model, "4bit"), mlx(), workload);
}

Bytes part(const Footprint& footprint, PartName name) {
  return footprint.total(name);
}

TEST(Mlx, PeaksAtTheSumOfWhatIsOnTheGpu) {
  const Footprint footprint = planned("qwen3-4b", asked(4096));
  EXPECT_EQ(footprint.peak, footprint.total(Place::gpu));
  EXPECT_EQ(footprint.total(PartName::runtime), mlx().mlx.process);
  EXPECT_FALSE(footprint.partial_offload);
  EXPECT_FALSE(footprint.assumed());
}

TEST(Mlx, RoundsLargeArraysUpToPages) {
  const Model model = profiles().model("qwen3-4b", "4bit");
  const Bytes weights = part(planned("qwen3-4b", asked(512)), PartName::weights);
  EXPECT_GE(weights, model.tensors.total());
  // Three arrays of a matrix waste less than a page each.
  EXPECT_LT(weights - model.tensors.total(),
            Bytes(3 * 16384 * static_cast<std::int64_t>(model.tensors.all().size())));
}

TEST(Mlx, GrowsWholeCachesInStepsOf256Tokens) {
  // 36 layers of 8 heads with keys and values of 128 elements in 16 bits.
  constexpr std::int64_t per_token = 36 * 8 * (128 + 128) * 2;
  // The last token of the prompt is computed with the first that is generated.
  EXPECT_EQ(part(planned("qwen3-4b", asked(2049, 1)), PartName::kv_cache).count(),
            per_token * 2048);
  EXPECT_EQ(part(planned("qwen3-4b", asked(2050, 1)), PartName::kv_cache).count(),
            per_token * 2304);
}

TEST(Mlx, HoldsAStepBesideTheWindowWhileItPrompts) {
  // Every sixth layer of gemma-3-27b sees the whole context, the others 1024 tokens; 16 heads of
  // 128.
  constexpr std::int64_t per_layer = 16 * (128 + 128) * 2;
  const Footprint footprint = planned("gemma-3-27b", asked(8193, 1));
  EXPECT_EQ(part(footprint, PartName::kv_cache).count(),
            per_layer * (10 * 8192 + 52 * (1024 + 2048 - 1)));
}

TEST(Mlx, KeepsWholeCachesWhereItsModelFileKnowsNoWindows) {
  const Model model = profiles().model("gemma-2-9b", "4bit");
  const Footprint footprint = estimate(model, mlx(), asked(8193, 1));
  constexpr std::int64_t per_layer = 8 * (256 + 256) * 2;
  EXPECT_EQ(part(footprint, PartName::kv_cache).count(),
            per_layer * 8192 * static_cast<std::int64_t>(model.layers.size()));
}

TEST(Mlx, CachesLatentsAsTheyAreOrExpandedByFile) {
  // deepseek_v3.py: 512 latent and 64 rotary elements in each of 61 layers.
  EXPECT_EQ(part(planned("deepseek-v3-671b", asked(4097, 1)), PartName::kv_cache).count(),
            61 * (512 + 64) * 2 * std::int64_t{4096});
  // deepseek_v2.py: keys of 192 and values of 128 for each of 16 heads in 27 layers.
  EXPECT_EQ(part(planned("deepseek-v2-lite", asked(4097, 1)), PartName::kv_cache).count(),
            27 * 16 * (192 + 128) * 2 * std::int64_t{4096});
}

TEST(Mlx, KeepsStatesOfDeltaNetsIn32Bits) {
  // 48 layers of 48 x 128 x 128 and three inputs of 2 x 16 x 128 + 48 x 128 channels.
  constexpr std::int64_t per_layer = 48 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 48 * 128) * 2;
  EXPECT_EQ(part(planned("qwen3.6-27b", asked(512)), PartName::recurrent_state).count(),
            48 * per_layer);
}

TEST(Mlx, LayersThatShareACacheHaveNone) {
  // 15 of 35 layers have a cache, 3 of these for the whole context, one head of 512 elements; 12 of
  // 256 in a window of 512.
  EXPECT_EQ(part(planned("gemma-4-e2b", asked(1025, 1)), PartName::kv_cache).count(),
            3 * 2 * 512 * 2 * std::int64_t{1024} + 12 * 2 * 256 * 2 * std::int64_t{1024});
}

TEST(Mlx, ScoresOfHeadsThatAreNotFusedAreOneBuffer) {
  // 24 heads of 256: 2048 x 131071 scores in 16 bits.
  const Footprint footprint = planned("qwen3.6-27b", asked(131072));
  EXPECT_EQ(footprint.largest_buffer.count(), 24 * std::int64_t{2048} * 131071 * 2);
  EXPECT_EQ(footprint.largest_buffer_name, "attention scores");
  EXPECT_NE(planned("qwen3-4b", asked(131072)).largest_buffer_name, "attention scores");
}

TEST(Mlx, QuantizedCachesAreSmallerButRaiseThePeakOfLongPrompts) {
  Workload workload = asked(16384, 30);
  const Footprint plain = planned("llama-3.2-3b", workload);
  workload.kv_bits = 8;
  const Footprint quantized = planned("llama-3.2-3b", workload);
  // 8 bits and two of 16 for each 64 elements.
  EXPECT_EQ(part(quantized, PartName::kv_cache).count() * 32,
            part(plain, PartName::kv_cache).count() * 17);
  EXPECT_GT(*quantized.peak, *plain.peak);
  EXPECT_THAT(quantized.remarks, testing::Contains(HasSubstr("raises the peak")));
}

TEST(Mlx, RefusesWhatItsCachesRefuse) {
  Workload workload = asked(4096);
  workload.kv_bits = 8;
  expect_refusal(error_of([&] { return planned("gemma-3-27b", workload); }), Errc::bad_request,
                 "--kv-bits", "sliding windows");
  expect_refusal(error_of([&] { return planned("deepseek-v3-671b", workload); }), Errc::bad_request,
                 "--kv-bits", "latent attention");
  workload.kv_bits = 6;
  expect_refusal(error_of([&] { return planned("llama-3.2-3b", workload); }), Errc::bad_request,
                 "--kv-bits", "use 8 or 4");
}

TEST(Mlx, RefusesGgufAndArchitecturesWithoutAFile) {
  expect_refusal(
      error_of([&] { return estimate(profiles().model("qwen3-4b", "Q4_K_M"), mlx(), asked(512)); }),
      Errc::bad_request, "--quant", "use one of MLX such as 4bit");
  expect_refusal(error_of([&] { return planned("deepseek-v4-flash", asked(512)); }),
                 Errc::bad_request, "--runtime", "no model file for architecture 'deepseek4'");
}

TEST(Mlx, RefusesSettingsOfLlamaCpp) {
  Workload workload = asked(512);
  workload.cache_type_k = ElementType::q8_0;
  expect_refusal(error_of([&] { return planned("qwen3-4b", workload); }), Errc::bad_request,
                 "--cache-type-k", "--kv-bits");
  workload = asked(512);
  workload.ubatch = 256;
  expect_refusal(error_of([&] { return planned("qwen3-4b", workload); }), Errc::bad_request,
                 "--ubatch-size", "--prefill-step-size");
}

TEST(Mlx, QueuesLessOnSmallerChips) {
  const Model model = profiles().model("qwen3-4b", "4bit");
  const auto peak_on = [&](const char* chip) {
    return *plan(model, machine(profiles().chip(chip)), mlx(), asked(2048)).footprint.peak;
  };
  EXPECT_EQ(peak_on("m4-max-128gb"), peak_on("m1-max-32gb"));
  EXPECT_LT(peak_on("m4-16gb"), peak_on("m4-max-128gb"));
  // Without a machine the larger one counts.
  EXPECT_EQ(*estimate(model, mlx(), asked(2048)).peak, peak_on("m4-max-128gb"));
}

TEST(Mlx, AFullContextIsPromptAndAnswer) {
  Workload workload;
  workload.context = 8192;
  const Settings settings = planned("qwen3-4b", workload).settings;
  EXPECT_EQ(settings.prompt_tokens, 8192 - 128);
  EXPECT_EQ(settings.context, 8192);
}

TEST(Mlx, OffersItsOwnLeversOnly) {
  const Model model = profiles().model("qwen3.6-27b", "4bit");
  Workload workload;
  workload.context = 131072;
  const Ladder steps = ladder(model, machine(profiles().chip("m4-max-36gb")), mlx(), workload,
                              profiles().advice_rules(), profiles().quality_table(), {});
  ASSERT_FALSE(steps.steps.empty());
  for (const Step& step : steps.steps) {
    for (const Change& change : step.changes) {
      EXPECT_THAT(change.lever, AnyOf(Lever::prefill_step, Lever::context, Lever::wired_limit));
    }
  }
  // The step is free, so it comes first.
  EXPECT_EQ(steps.steps.front().changes.front().lever, Lever::prefill_step);
  EXPECT_TRUE(fits(steps.steps.front().plan.verdict));
}

TEST(Mlx, FindsTheLargestContextForEachCacheWidth) {
  const Model model = profiles().model("qwen3-4b", "4bit");
  const Machine machine = membudget::machine(profiles().chip("m1-8gb"));
  const auto rows = max_context_by_cache_type(model, machine, mlx(), {});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_GT(rows[0].tokens, 0);
  // Its scores come into memory, which costs more than the cache saves.
  EXPECT_LT(rows[1].tokens, rows[0].tokens);
}

TEST(Mlx, FindsTheLargestContextWhateverStandsInItAlready) {
  const Machine mac = machine(profiles().chip("m1-16gb"));
  const Model model = profiles().model("qwen3:8b", "4bit");
  for (const char* id : {"mlx", "lmstudio-mlx", "ollama-mlx"}) {
    const auto runtime = profiles().runtime(id);
    const std::int64_t usual = max_context(model, mac, runtime, Workload{});
    Workload deep;
    deep.depth = 1000;
    deep.prompt_tokens = 600;
    EXPECT_GT(usual, 1024) << id;
    EXPECT_EQ(max_context(model, mac, runtime, deep), usual) << id;
  }
}

// mlx-engine's own example: 88 KiB per token of Qwen3.6-35B-A3B, 3 GiB of 27 kept free.
TEST(LmStudioMlx, FitsTheContextItself) {
  const Runtime runtime = profiles().runtime("lmstudio-mlx");
  const Model model = profiles().model("qwen3.6-35b-a3b", "4bit");
  Budget budget;
  budget.gpu_limit = gib(27);
  const Workload workload = configured({}, runtime, model, budget);
  ASSERT_TRUE(workload.context_limit.has_value());
  EXPECT_NEAR(static_cast<double>(*workload.context_limit), 58880, 0.25 * 58880);
  EXPECT_EQ(*workload.context_limit % 256, 0);
  EXPECT_THAT(estimate(model, runtime, workload).remarks,
              testing::Contains(HasSubstr("chooses the context itself")));
  // Families it does not know get what they were trained for.
  const Model other = profiles().model("qwen3-4b", "4bit");
  EXPECT_EQ(configured({}, runtime, other, budget).context_limit, other.trained_context);
}

TEST(OllamaMlx, AlwaysPromptsInTheSameSteps) {
  const Runtime runtime = profiles().runtime("ollama-mlx");
  const Model model = profiles().model("qwen3-4b", "4bit");
  expect_refusal(error_of([&] { return estimate(model, runtime, asked(512, 128, 512)); }),
                 Errc::bad_request, "--prefill-step-size", "always computes 2048 tokens");
  // It keeps some matrices at more bits, so the weights are a guess.
  EXPECT_TRUE(estimate(model, runtime, {}).assumed());
}

TEST(MlxUploads, ResolveToModelAndQuantization) {
  const auto resolved = [](const char* name) {
    const Model model = profiles().model(name);
    return model.id + " " + model.quantization;
  };
  EXPECT_EQ(resolved("mlx-community/Qwen3.6-27B-4bit"), "qwen3.6-27b 4bit");
  EXPECT_EQ(resolved("mlx-community/Meta-Llama-3.1-8B-Instruct-8bit"), "llama-3.1-8b 8bit");
  EXPECT_EQ(resolved("mlx-community/gemma-4-26b-a4b-it-6bit"), "gemma-4-26b-a4b 6bit");
  EXPECT_EQ(resolved("mlx-community/Qwen3-4B-Instruct-2507-4bit"), "qwen3-4b 4bit");
  EXPECT_EQ(resolved("lmstudio-community/Qwen3-Coder-Next-MLX-4bit"),
            "qwen3-coder-next-80b-a3b 4bit");
  expect_refusal(error_of([&] { return profiles().model("mlx-community/Nothing-9B-4bit"); }),
                 Errc::unknown_name, "", "unknown model");
}

}  // namespace
}  // namespace membudget::mlx_test
