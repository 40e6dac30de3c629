// SPDX-License-Identifier: MIT
#include "engine/candle/candle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"

namespace membudget::candle_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class Candle : public ::testing::Test {
 protected:
  [[nodiscard]] Footprint footprint(const Model& model, std::int64_t context) const {
    Workload workload;
    workload.context = context;
    return estimate(model, runtime_, workload);
  }

  [[nodiscard]] std::string refusal(const Model& model, std::int64_t context = 512) const {
    try {
      static_cast<void>(footprint(model, context));
    } catch (const Error& error) {
      return error.what();
    }
    return "runs";
  }

  Profiles profiles_ = Profiles::embedded();
  Runtime runtime_ = profiles_.runtime("candle");
};

// candle-core/src/metal_backend/device.rs, test_buf_size_*.
TEST_F(Candle, BuffersArePowersOfTwo) {
  for (const auto& [asked, given] :
       {std::pair{1, 1}, {2, 2}, {3, 4}, {9, 16}, {1000, 1024}, {1024, 1024}, {1025, 2048}}) {
    EXPECT_EQ(candle::buffer_size(Bytes(asked)), Bytes(given));
  }
}

// An output of its own: the embedding is stored in F32 only.
TEST_F(Candle, EmbeddingsBecomeF32) {
  const Model model = profiles_.model("llama-3-8b", "Q4_K_M");
  const Tensor* embedding = model.tensors.find("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  ASSERT_NE(model.tensors.find("output.weight"), nullptr);
  const Bytes f32(std::int64_t{128256} * 4096 * 4);
  EXPECT_EQ(footprint(model, 512).total(PartName::weights),
            model.tensors.total() - embedding->size() + f32);
}

// Tied: the quantized tensor stays as the output.
TEST_F(Candle, TiedEmbeddingsAreKeptTwice) {
  const Model model = profiles_.model("qwen3-4b", "Q4_K_M");
  ASSERT_EQ(model.tensors.find("output.weight"), nullptr);
  EXPECT_EQ(footprint(model, 512).total(PartName::weights),
            model.tensors.total() + Bytes(std::int64_t{151936} * 2560 * 4));
}

TEST_F(Candle, SixteenBitMatricesBecomeF32) {
  const Model model = profiles_.model("qwen2.5-0.5b", "F16");
  EXPECT_GT(footprint(model, 512).total(PartName::weights),
            Bytes(model.tensors.total().count() / 100 * 195));
}

// A prompt of 3968 tokens and 128 generated ones: at the prompt three score matrices of
// 32 x 3968 x 3968 x 4 bytes, each a buffer of 2^31.
TEST_F(Candle, ScoresOfAPromptAreThreeMatrices) {
  const Model model = profiles_.model("llama-3-8b", "Q4_K_M");
  const Footprint made = footprint(model, 4096);
  const Bytes hidden = candle::buffer_size(Bytes(std::int64_t{3968} * 4096 * 4));
  EXPECT_EQ(made.total(PartName::compute),
            hidden * 3 + hidden * 2 + hidden * 2 + Bytes(std::int64_t{1} << 31) * 3 + mib(16));
  // 66 buffers of 3968 x 8 x 128 x 4 bytes, rounded to 16 MiB.
  EXPECT_EQ(made.total(PartName::kv_cache), mib(16) * 66);
  EXPECT_EQ(made.largest_buffer, gib(2));
  EXPECT_EQ(made.largest_buffer_name, "attention scores");
}

TEST_F(Candle, PhiReservesItsWholeContext) {
  const Model model = profiles_.model("phi-3-mini-4k", "Q4_K_M");
  const Footprint made = footprint(model, 512);
  // 64 buffers of 4096 tokens x 3072 x 4 bytes, rounded to 64 MiB.
  EXPECT_EQ(made.total(PartName::kv_cache), mib(64) * 64);
  EXPECT_THAT(made.remarks.front(), HasSubstr("whole trained context of 4096 tokens"));
}

TEST_F(Candle, GoesNoFurtherThanItsRotaryTables) {
  const Model model = profiles_.model("llama-3.1-8b", "Q4_K_M");
  EXPECT_THAT(refusal(model, 4097), HasSubstr("4096"));
  EXPECT_EQ(max_context(model, machine(profiles_.chip("m4-max-128gb")), runtime_, {}), 4096);
}

TEST_F(Candle, SaysWhatItDoesNotRun) {
  EXPECT_THAT(refusal(profiles_.model("deepseek-v2-lite", "Q4_K_M")), HasSubstr("deepseek2"));
  EXPECT_THAT(refusal(profiles_.model("mixtral-8x7b", "Q4_K_M")), HasSubstr("no experts"));
  EXPECT_THAT(refusal(profiles_.model("mistral-nemo-12b", "Q4_K_M")), HasSubstr("takes heads of"));
  EXPECT_THAT(refusal(profiles_.model("llama-3.1-8b", "IQ4_XS")),
              HasSubstr("does not read IQ4_XS"));
  EXPECT_THAT(refusal(profiles_.model("llama-3.1-8b", "4bit")), HasSubstr("does not read"));
}

TEST_F(Candle, IsNeverComfortableAndSaysWhy) {
  const Plan made = plan(profiles_.model("qwen2.5-0.5b", "Q4_K_M"),
                         machine(profiles_.chip("m4-max-128gb")), runtime_, {});
  EXPECT_EQ(made.verdict, Verdict::tight);
  EXPECT_THAT(made.reasons, Contains(HasSubstr("low confidence")));
}

}  // namespace
}  // namespace membudget::candle_test
