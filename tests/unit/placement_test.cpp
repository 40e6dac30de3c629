// SPDX-License-Identifier: MIT
#include "engine/llamacpp/placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "membudget/profiles.hpp"
#include "support/refusal.hpp"

namespace membudget::placement_test {
namespace {

using test::expect_refusal;

class Placement : public ::testing::Test {
 protected:
  [[nodiscard]] Footprint plan(Workload workload) const {
    workload.context = 4096;
    workload.mmap = workload.mmap.value_or(false);
    return estimate(model_, runtime_, workload);
  }
  [[nodiscard]] static Workload overridden(std::string pattern, Backend buffer) {
    Workload workload;
    workload.tensor_overrides = {{.pattern = std::move(pattern), .buffer = buffer}};
    return workload;
  }
  [[nodiscard]] Error refused(const std::string& pattern) const {
    return test::error_of([&] { return plan(overridden(pattern, Backend::cpu)); });
  }
  static void expect_equal(const Footprint& a, const Footprint& b) {
    EXPECT_EQ(a.gpu.model, b.gpu.model);
    EXPECT_EQ(a.host.model, b.host.model);
    EXPECT_EQ(a.repacked, b.repacked);
    EXPECT_EQ(a.gpu.compute, b.gpu.compute);
    EXPECT_EQ(a.host.compute, b.host.compute);
    EXPECT_EQ(a.graph_splits, b.graph_splits);
  }

  Profiles profiles_ = Profiles::embedded();
  Model model_ = profiles_.model("qwen3-30b-a3b", "Q4_K_M");
  Runtime runtime_ = profiles_.runtime("llama.cpp");
};

TEST_F(Placement, CpuMoeIsAnOverrideOfAllExperts) {
  Workload moe;
  moe.cpu_moe = true;
  expect_equal(plan(moe),
               plan(overridden(R"(\.ffn_(up|down|gate|gate_up)_(ch|)exps)", Backend::cpu)));
}

TEST_F(Placement, NCpuMoeTakesTheFirstLayers) {
  Workload moe;
  moe.n_cpu_moe = 3;
  expect_equal(plan(moe), plan(overridden(R"(blk\.[0-2]\.ffn_(up|down|gate)_exps)", Backend::cpu)));
}

TEST_F(Placement, TheFirstOverrideThatMatchesDecides) {
  Workload both = overridden("exps", Backend::metal);
  both.tensor_overrides.push_back({.pattern = "ffn_down_exps", .buffer = Backend::cpu});
  both.cpu_moe = true;
  expect_equal(plan(both), plan({}));
}

TEST_F(Placement, AnOverrideBringsTheTokenEmbeddingToMetal) {
  const Footprint usual = plan({});
  const Footprint moved = plan(overridden("token_embd", Backend::metal));
  const Bytes embedding = model_.tensors.find("token_embd.weight")->size();
  EXPECT_EQ(moved.gpu.model, usual.gpu.model + embedding);
  EXPECT_EQ(moved.host.model, Bytes{});
}

TEST_F(Placement, MovingLayersOffTheGpuKeepsEveryWeightOnce) {
  const Bytes all = plan({}).gpu.model + plan({}).host.model;
  Workload half;
  half.gpu_layers = 24;
  const Footprint footprint = plan(half);
  EXPECT_EQ(footprint.gpu.model + footprint.host.model + footprint.repacked, all);
}

// Metal maps from its first to its last tensor, so of all experts it only spares the very last
// tensor of the file. The CPU's rearranged copies come on top.
TEST_F(Placement, MappedExpertsOnTheCpuSaveMetalNextToNothing) {
  Workload mapped;
  mapped.mmap = true;
  const Bytes all = plan(mapped).gpu.model;
  mapped.cpu_moe = true;
  const Footprint footprint = plan(mapped);
  EXPECT_EQ(all - footprint.gpu.model, model_.tensors.all().back().size());
  EXPECT_GT(footprint.repacked, gib(10));
  EXPECT_EQ(footprint.total(PartName::weights), footprint.gpu.model + footprint.repacked);
}

// On x86, the only kind of CPU that rows were measured on, kernels exist for a part of the types:
// of a Q4_K_M file for Q4_K alone. DeepSeek-V4 has matrices that are stacked when loaded and tables
// of positions, Kimi-K3 has stacks from the start, and none of these is rearranged.
TEST_F(Placement, RearrangesTheSameMatricesAsTheEngine) {
  const std::vector<std::pair<std::string, std::int64_t>> measured{
      {"deepseek-v4-pro", 738307584000}, {"kimi-k3", 1308923357184}};
  for (const auto& [name, bytes] : measured) {
    const Model model = profiles_.model(name, "Q4_K_M");
    Settings settings;
    settings.backend = Backend::cpu;
    const llamacpp::Placement placement = llamacpp::place_weights(model, settings);
    Bytes sum;
    for (std::size_t i = 0; i < placement.storage.size(); ++i) {
      const Tensor& tensor = model.tensors.all()[i];
      if (placement.storage[i] == llamacpp::Storage::repack && tensor.type == ElementType::q4_k) {
        sum += tensor.size();
      }
    }
    EXPECT_EQ(sum, Bytes{bytes}) << name;
  }
}

TEST_F(Placement, RefusesAPatternThatIsNoRegularExpression) {
  expect_refusal(refused("(exps"), Errc::bad_request, "--override-tensor",
                 "'(exps' is not a regular expression");
}

// std::regex recurses; a request must not end the process of who asks.
TEST_F(Placement, RefusesAPatternThatWouldEndTheStack) {
  const std::string nested = std::string(100'000, '(') + std::string(100'000, ')');
  for (const std::string& pattern :
       {nested, std::string(5000, 'a'), std::string("(a?){9000}"), std::string("((ab){70}){70}")}) {
    expect_refusal(refused(pattern), Errc::bad_request, "--override-tensor", "deeper nested");
  }
}

// Tried in every way, each of these would take longer than anybody waits. Where the C++ library
// counts its steps it may refuse one.
TEST_F(Placement, AnswersToAPatternThatMatchesInManyWays) {
  for (const char* pattern : {"(.*)*X", "(.+)+X", "(a|b|.)*(c|.)*X", ".*.*.*.*.*.*.*.*X"}) {
    try {
      expect_equal(plan(overridden(pattern, Backend::cpu)), plan(Workload{}));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::bad_request);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("too many steps"));
    }
  }
}

TEST_F(Placement, RefusesAPatternThatRefersBack) {
  expect_refusal(refused("(exps).*\\1"), Errc::bad_request, "--override-tensor", "refers back");
  EXPECT_NO_THROW(static_cast<void>(plan(overridden(R"(\\1)", Backend::cpu)))) << "a backslash";
}

}  // namespace
}  // namespace membudget::placement_test
