// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"

namespace membudget::coreml_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class CoreMl : public ::testing::Test {
 protected:
  [[nodiscard]] std::string refusal(const char* name, const char* quantization) const {
    try {
      static_cast<void>(estimate(profiles_.model(name, quantization), runtime_, {}));
    } catch (const Error& error) {
      return error.what();
    }
    return "runs";
  }

  Profiles profiles_ = Profiles::embedded();
  Runtime runtime_ = profiles_.runtime("coreml");
  Model model_ = profiles_.model("llama-3.1-8b", "coreml-int4");
};

// Apple's own conversion: 2048 tokens, 32 layers, 8 heads of 128.
TEST_F(CoreMl, CacheIsStaticAndF16) {
  const Footprint made = estimate(model_, runtime_, {});
  EXPECT_EQ(made.settings.context, 2048);
  EXPECT_EQ(made.total(PartName::kv_cache).count(), 2LL * 32 * 8 * 128 * 2048 * 2);
}

// 4 bits and a 16-bit scale for each block of 32: 4.5 bits a weight.
TEST_F(CoreMl, WeightsTakeFourAndAHalfBits) {
  const double bits = 8.0 * static_cast<double>(model_.tensors.total().count()) /
                      static_cast<double>(model_.parameters);
  EXPECT_NEAR(bits, 4.5, 0.01);
}

TEST_F(CoreMl, NamesTheNeuralEnginesLimits) {
  const Footprint made = estimate(model_, runtime_, {});
  EXPECT_THAT(made.remarks, Contains(HasSubstr("would have to be cut into 3")));
  EXPECT_THAT(made.remarks, Contains(HasSubstr("vocabulary of 128256 is more than the 65536")));
  EXPECT_THAT(made.remarks, Contains(HasSubstr("low confidence")));
}

TEST_F(CoreMl, IsNeverComfortable) {
  EXPECT_EQ(plan(model_, machine(profiles_.chip("m4-max-128gb")), runtime_, {}).verdict,
            Verdict::tight);
}

TEST_F(CoreMl, RefusesWhatNobodyConverts) {
  EXPECT_THAT(refusal("llama-3.1-8b", "Q4_K_M"), HasSubstr("Core ML does not read 'Q4_K_M'"));
  EXPECT_THAT(refusal("mixtral-8x7b", "coreml-int4"), HasSubstr("no experts"));
  EXPECT_THAT(refusal("mamba-130m", "coreml-int4"), HasSubstr("state-space layers"));
  EXPECT_THAT(refusal("deepseek-v2-lite", "coreml-int4"),
              HasSubstr("its latent attention cannot be planned there"));
}

}  // namespace
}  // namespace membudget::coreml_test
