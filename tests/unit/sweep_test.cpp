// SPDX-License-Identifier: MIT
#include "membudget/sweep.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/profiles.hpp"
#include "support/refusal.hpp"

namespace membudget::sweep_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::int64_t> axis(std::string_view text, std::int64_t trained = 40960) {
  return context_axis(text, trained, "--ctx");
}

TEST(ContextAxis, DoublesToAnEndThatAlwaysBelongsToIt) {
  EXPECT_THAT(axis("2k..16k"), ElementsAre(2048, 4096, 8192, 16384));
  EXPECT_THAT(axis("2k..10k"), ElementsAre(2048, 4096, 8192, 10240));
  EXPECT_THAT(axis("3..3"), ElementsAre(3));
}

TEST(ContextAxis, StepsToAnEndThatAlwaysBelongsToIt) {
  EXPECT_THAT(axis("2k..8k+2k"), ElementsAre(2048, 4096, 6144, 8192));
  EXPECT_THAT(axis("100..250+100"), ElementsAre(100, 200, 250));
}

TEST(ContextAxis, EndsAtWhatTheModelWasTrainedFor) {
  EXPECT_THAT(axis("8k.."), ElementsAre(8192, 16384, 32768, 40960));
  EXPECT_THAT(axis("2k..", 512), ElementsAre(512));
  expect_refusal(error_of([] { return axis("2k..", 0); }), Errc::bad_request, "--ctx",
                 "needs an end");
}

TEST(ContextAxis, SortsListsAndDropsWhatIsTwiceThere) {
  EXPECT_THAT(axis("32k, 4k,8192,8k,1m"), ElementsAre(4096, 8192, 32768, 1048576));
  EXPECT_THAT(axis("4k..16k,6k"), ElementsAre(4096, 6144, 8192, 16384));
}

TEST(ContextAxis, RefusesWhatIsNoContext) {
  for (const auto* text : {"", "8k,", "x", "-4", "0", "8k..4k", "4k..8k+0", "4k..8k+", "..8k",
                           "4k...8k", "9223372036854775807", "99999999999999999999", "1..2..3"}) {
    EXPECT_EQ(error_of([&] { return axis(text); }).code(), Errc::bad_request) << text;
    EXPECT_EQ(error_of([&] { return axis(text); }).where(), "--ctx") << text;
  }
  expect_refusal(error_of([] { return axis("1..1m+1"); }), Errc::bad_request, "--ctx",
                 "more than 1024 contexts");
}

TEST(ListAxis, KeepsTheOrderAndDropsWhatIsTwiceThere) {
  EXPECT_THAT(list_axis("b, a,b", "--quant"), ElementsAre("b", "a"));
  expect_refusal(error_of([] { return list_axis("a,,b", "--quant"); }), Errc::bad_request,
                 "--quant", "empty item");
}

const Profiles& sweep_profiles() {
  static const Profiles embedded = Profiles::embedded();
  return embedded;
}

SweepSubject subject(std::string_view model, std::string_view chip, std::string_view runtime,
                     std::string_view quantization = {}) {
  SweepSubject out;
  out.model = std::make_shared<const Model>(sweep_profiles().model(model, quantization));
  out.quantization = quantization;
  out.machine = machine(sweep_profiles().chip(chip));
  out.runtime = sweep_profiles().runtime(runtime);
  return out;
}

CacheTypes both(ElementType type) {
  return {.k = type, .v = type};
}

SweepRequest on_three_macs() {
  SweepRequest out;
  for (const auto* chip : {"m1-16gb", "m1-max-32gb", "m4-max-128gb"}) {
    out.subjects.push_back(subject("qwen2.5-7b", chip, "llama.cpp"));
  }
  out.cache_types = {both(ElementType::f16), both(ElementType::q8_0)};
  out.contexts = {2048, 8192, 32768};
  return out;
}

TEST(SweepOrder, IsSubjectsThenCacheTypesThenContexts) {
  const Sweep out = sweep(on_three_macs(), 1);
  ASSERT_EQ(out.series.size(), 6U);
  std::vector<std::string> order;
  for (const SweepSeries& series : out.series) {
    order.push_back(fmt::format("{} {}", series.chip, series.cache_type));
    ASSERT_EQ(series.points.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(series.points[i].asked, out.contexts[i]);
  }
  EXPECT_THAT(order, ElementsAre("m1-16gb f16", "m1-16gb q8_0", "m1-max-32gb f16",
                                 "m1-max-32gb q8_0", "m4-max-128gb f16", "m4-max-128gb q8_0"));
  EXPECT_EQ(out.model, "qwen2.5-7b");
  EXPECT_EQ(out.trained_context, 32768);
}

TEST(SweepFrontier, IsTheLastPointThatFits) {
  SweepRequest request;
  request.subjects = {subject("llama-3.1-8b", "m1-16gb", "llama.cpp")};
  request.contexts = {2048, 16384, 131072};
  const Sweep out = sweep(request, 1);
  const SweepSeries& series = out.series.front();
  ASSERT_NE(largest_fitting(series), nullptr);
  const auto fitting = largest_fitting(series)->asked;
  EXPECT_LE(fitting, series.max_context);
  for (const SweepPoint& point : series.points) {
    EXPECT_EQ(fits(point.plan->verdict), point.asked <= series.max_context) << point.asked;
  }
  ASSERT_TRUE(series.at_max);
  EXPECT_TRUE(fits(series.at_max->verdict));
  EXPECT_TRUE(any_fits(out));
}

TEST(SweepFrontier, EndsWhereTheTrainingEnds) {
  SweepRequest request;
  request.subjects = {subject("qwen3-8b", "m4-max-128gb", "llama.cpp")};
  request.contexts = {32768, 65536};
  const Sweep out = sweep(request);
  ASSERT_NE(largest_fitting(out.series.front()), nullptr);
  EXPECT_EQ(largest_fitting(out.series.front())->asked, 32768);
  request.contexts = {65536};
  const Sweep beyond = sweep(request);
  EXPECT_EQ(largest_fitting(beyond.series.front()), nullptr);
  EXPECT_TRUE(any_fits(beyond)) << "memory has room for it";
}

TEST(SweepFrontier, IsNowhereWhereNothingFits) {
  SweepRequest request;
  request.subjects = {subject("llama-3.3-70b", "m1-8gb", "llama.cpp")};
  request.contexts = {512, 4096};
  const Sweep out = sweep(request);
  EXPECT_EQ(out.series.front().max_context, 0);
  EXPECT_EQ(largest_fitting(out.series.front()), nullptr);
  EXPECT_FALSE(out.series.front().at_max);
  EXPECT_FALSE(any_fits(out));
}

TEST(SweepRefusal, IsAPointWithItsReason) {
  SweepRequest request = on_three_macs();
  request.subjects.resize(1);
  // A quantized V cache needs flash attention; the other series is planned all the same.
  request.subjects.front().workload.flash_attention = FlashAttention::off;
  const Sweep out = sweep(request);
  EXPECT_TRUE(out.series[0].refusal.empty());
  EXPECT_TRUE(out.series[0].points.front().plan);
  EXPECT_THAT(out.series[1].refusal, HasSubstr("flash attention"));
  for (const SweepPoint& point : out.series[1].points) {
    EXPECT_FALSE(point.plan);
    EXPECT_EQ(point.refusal, out.series[1].refusal);
  }
}

TEST(SweepRefusal, KeepsTheReasonOfASubjectWithoutAModel) {
  SweepRequest request = on_three_macs();
  request.subjects[1].model = nullptr;
  request.subjects[1].quantization = "Q4_K_M";
  request.subjects[1].refusal = "MLX does not read it";
  const Sweep out = sweep(request);
  EXPECT_EQ(out.series[2].refusal, "MLX does not read it");
  EXPECT_EQ(out.series[2].quantization, "Q4_K_M");
  EXPECT_EQ(out.series[2].chip, "m1-max-32gb");
  EXPECT_EQ(out.series[2].points.back().refusal, "MLX does not read it");
}

TEST(SweepOfMlx, TakesCacheTypesForBits) {
  SweepRequest request;
  request.subjects = {subject("qwen3-4b", "m4-max-36gb", "mlx", "4bit")};
  request.cache_types = {both(ElementType::f16), both(ElementType::q8_0), both(ElementType::q5_1)};
  request.contexts = {4096};
  const Sweep out = sweep(request);
  EXPECT_EQ(out.series[0].kv_bits, 0);
  EXPECT_EQ(out.series[1].kv_bits, 8);
  EXPECT_EQ(out.series[1].cache_type, "8-bit");
  EXPECT_THAT(out.series[2].refusal, HasSubstr("MLX has no q5_1 cache"));
  Workload workload;
  workload.context = 4096;
  workload.kv_bits = 8;
  const SweepSubject& of = request.subjects.front();
  EXPECT_EQ(out.series[1].points.front().plan->total(),
            plan(*of.model, of.machine, of.runtime, workload).footprint.total());
}

TEST(SweepProgress, CountsUpToAllOfIt) {
  for (const unsigned threads : {1U, 4U}) {
    std::size_t last = 0;
    std::size_t whole = 0;
    static_cast<void>(sweep(on_three_macs(), threads, [&](std::size_t done, std::size_t all) {
      EXPECT_EQ(done, last + 1);
      last = done;
      whole = all;
    }));
    EXPECT_EQ(last, whole);
    EXPECT_EQ(whole, 6U * 4U);
  }
}

TEST(SweepProgress, EndsTheSweepWhenItThrows) {
  for (const unsigned threads : {1U, 4U}) {
    EXPECT_THROW(static_cast<void>(sweep(on_three_macs(), threads,
                                         [](std::size_t done, std::size_t) {
                                           if (done == 3) throw std::runtime_error("enough");
                                         })),
                 std::runtime_error);
  }
}

TEST(SweepOfNothing, IsEmpty) {
  const Sweep out = sweep({});
  EXPECT_TRUE(out.series.empty());
  EXPECT_FALSE(any_fits(out));
}

}  // namespace
}  // namespace membudget::sweep_test
