// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <memory>

#include "membudget/advise.hpp"
#include "membudget/footprint.hpp"
#include "membudget/profiles.hpp"
#include "membudget/runtime.hpp"

namespace membudget::draft_test {
namespace {

class Draft : public ::testing::Test {
 protected:
  [[nodiscard]] Workload with_draft() const {
    Workload result;
    result.context = 10'000;
    result.draft = std::make_shared<const Model>(small_);
    return result;
  }

  Profiles profiles_ = Profiles::embedded();
  Model model_ = profiles_.model("qwen2.5-coder:32b", "Q4_K_M");
  Model small_ = profiles_.model("qwen2.5-coder:0.5b", "Q8_0");
  Runtime runtime_ = profiles_.runtime("llama.cpp@b10587");
};

TEST_F(Draft, CostsWhatItWouldCostAloneWithTheModelsPaddedContext) {
  const Footprint both = estimate(model_, runtime_, with_draft());

  Workload alone;
  alone.context = 10'240;
  alone.kv_unified = true;
  alone.parallel = 4;
  const Footprint draft = estimate(small_, runtime_, alone);
  EXPECT_EQ(both.total(PartName::draft), draft.total());
  for (const Part& part : both.parts) {
    if (part.name == PartName::draft) {
      EXPECT_EQ(part.bytes, draft.total(part.where)) << to_string(part.where);
    }
  }
}

TEST_F(Draft, HasACacheOfItsOwnType) {
  Workload workload = with_draft();
  workload.cache_type_k = workload.cache_type_v = ElementType::q8_0;
  EXPECT_EQ(estimate(model_, runtime_, workload).total(PartName::draft),
            estimate(model_, runtime_, with_draft()).total(PartName::draft));
}

TEST_F(Draft, MakesTheModelAnswerForDraftedTokensToo) {
  Workload workload = with_draft();
  const Settings drafted = resolve(workload, runtime_, model_);
  workload.draft = nullptr;
  const Settings plain = resolve(workload, runtime_, model_);
  EXPECT_EQ(plain.outputs, plain.parallel);
  EXPECT_EQ(drafted.outputs, 4 * drafted.parallel);
}

TEST_F(Draft, LeavesLessRoomForContext) {
  const Machine mac = machine(profiles_.chip("m1-max-32gb"));
  Workload workload = with_draft();
  const std::int64_t with = max_context(model_, mac, runtime_, workload);
  workload.draft = nullptr;
  EXPECT_LT(with, max_context(model_, mac, runtime_, workload));
  EXPECT_GT(with, 0);
}

}  // namespace
}  // namespace membudget::draft_test
