// SPDX-License-Identifier: MIT
#include "membudget/distribute.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "membudget/distribute_report.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"
#include "support/refusal.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::distribute_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

struct Stretch {
  std::int64_t machine;
  std::int64_t layers;
};

struct Assignment {
  std::int64_t layers;
  std::int64_t gpu_layers;
  std::vector<float> split;
  std::vector<Stretch> runs;  ///< Of the layers and the output after them, in order.
};

// Worked out by hand from load_tensors (llama.cpp b10587, src/llama-model.cpp:1332-1390): layer i
// of n offloaded ones, the output counted, goes to the first running share above i / n.
const std::vector<Assignment> worked = {
    {4, -1, {1.0F, 1.0F}, {{0, 3}, {1, 2}}},
    {4, -1, {1.0F, 3.0F}, {{0, 2}, {1, 3}}},
    {4, -1, {3.0F, 1.0F}, {{0, 4}, {1, 1}}},
    {32, -1, {1.0F, 1.0F}, {{0, 17}, {1, 16}}},
    {32, -1, {96.0F, 24.0F}, {{0, 27}, {1, 6}}},
    {32, -1, {24.0F, 96.0F}, {{0, 7}, {1, 26}}},
    {32, -1, {1.0F, 0.0F}, {{0, 33}}},
    {32, -1, {0.0F, 1.0F}, {{1, 33}}},
    {64, -1, {1.0F, 1.0F}, {{0, 33}, {1, 32}}},
    {64, -1, {1.0F, 2.0F}, {{0, 22}, {1, 43}}},
    {64, -1, {1.0F, 1.0F, 1.0F}, {{0, 22}, {1, 22}, {2, 21}}},
    {64, -1, {2.0F, 1.0F, 1.0F}, {{0, 33}, {1, 16}, {2, 16}}},
    {80, -1, {1.0F, 1.0F}, {{0, 41}, {1, 40}}},
    {80, -1, {3.0F, 1.0F}, {{0, 61}, {1, 20}}},
    {80, -1, {0.75F, 0.25F}, {{0, 61}, {1, 20}}},
    {80, 40, {1.0F, 1.0F}, {{-1, 41}, {0, 20}, {1, 20}}},
    {80, 81, {1.0F, 1.0F}, {{0, 41}, {1, 40}}},
    {80, 80, {1.0F, 1.0F}, {{-1, 1}, {0, 40}, {1, 40}}},
    {61, -1, {1.0F, 1.0F, 1.0F, 1.0F}, {{0, 16}, {1, 15}, {2, 16}, {3, 15}}},
    {61, -1, {107.52F, 24.96F}, {{0, 51}, {1, 11}}},
    {94, 10, {1.0F, 1.0F, 2.0F}, {{-1, 85}, {0, 3}, {1, 2}, {2, 5}}},
    // Shares that meet a layer's place exactly give it to the next machine.
    {9, -1, {1.0F, 9.0F}, {{0, 1}, {1, 9}}},
    {9, -1, {0.1F, 0.9F}, {{0, 1}, {1, 9}}},
    {28, 0, {1.0F, 1.0F}, {{-1, 29}}},
};

TEST(Distribute, AssignsLayersAsLlamaCppDoes) {
  for (const Assignment& each : worked) {
    std::vector<std::int64_t> expected;
    for (const Stretch& run : each.runs)
      expected.insert(expected.end(), static_cast<std::size_t>(run.layers), run.machine);
    EXPECT_EQ(assigned_machines(each.layers, each.gpu_layers, each.split), expected)
        << each.layers << " layers, -ngl " << each.gpu_layers;
  }
  expect_refusal(error_of([] {
                   return assigned_machines(4, -1, std::vector<float>{0, 0});
                 }),
                 Errc::bad_request, "--tensor-split", "above 0");
}

TEST(Distribute, AssignsPipelinesAsMlxDoes) {
  EXPECT_THAT(pipeline_ranges(64, 2), ElementsAre(Pair(32, 64), Pair(0, 32)));
  EXPECT_THAT(pipeline_ranges(60, 4),
              ElementsAre(Pair(45, 60), Pair(30, 45), Pair(15, 30), Pair(0, 15)));
  // Its start counts a longer rank's layers for those before it: layer 30 is on no rank.
  EXPECT_THAT(pipeline_ranges(61, 2), ElementsAre(Pair(31, 61), Pair(0, 30)));
}

Workload tokens(std::int64_t context, std::optional<std::int64_t> parallel = std::nullopt) {
  Workload out;
  out.context = context;
  out.parallel = parallel;
  return out;
}

DistributionRequest request_of(std::initializer_list<std::string_view> chips,
                               Distribution how = Distribution::llama_rpc) {
  DistributionRequest out{
      .how = how, .machines = {}, .link = profiles().link("thunderbolt"), .split = {}};
  for (const std::string_view chip : chips) out.machines.push_back(machine(profiles().chip(chip)));
  return out;
}

Bytes sum_of(const DistributedPlan& plan, PartName name) {
  Bytes out;
  for (const MachineShare& share : plan.shares) out += share.plan.footprint.total(name);
  return out;
}

TEST(Distribute, SharesAddUpToTheSinglePlanAndWhatIsHeldTwice) {
  const Runtime runtime = profiles().runtime("llama.cpp");
  for (const std::string_view name : {"llama3.1:70b", "qwen3:30b-a3b", "gemma3:27b", "deepseek-v3",
                                      "qwen3-next:80b", "llama3.2:3b"}) {
    const Model model = profiles().model(name);
    for (const std::int64_t context : {4096, 32768}) {
      const DistributedPlan plan =
          distribute(model, runtime, tokens(context, 1),
                     request_of({"m4-max-128gb", "m1-max-32gb", "m3-ultra-512gb"}), std::nullopt);
      const Footprint& single = plan.single.footprint;
      EXPECT_EQ(sum_of(plan, PartName::kv_cache), single.total(PartName::kv_cache)) << name;
      EXPECT_EQ(sum_of(plan, PartName::recurrent_state), single.total(PartName::recurrent_state))
          << name;
      EXPECT_EQ(sum_of(plan, PartName::output), single.total(PartName::output)) << name;
      // Of the weights only rotary tables are on every machine with a layer.
      Bytes tables;
      for (const Tensor& tensor : model.tensors.all()) {
        if (tensor.name.starts_with("rope_")) tables += Bytes{round_up(tensor.size().count(), 32)};
      }
      const auto holders =
          std::count_if(plan.shares.begin(), plan.shares.end(),
                        [](const auto& share) { return share.last_layer > share.first_layer; });
      EXPECT_EQ(sum_of(plan, PartName::weights),
                single.total(PartName::weights) + tables * (holders - 1))
          << name;
      Bytes all;
      for (const MachineShare& share : plan.shares) all += share.plan.footprint.total();
      EXPECT_EQ(all, single.total() + plan.duplicated) << name;
      std::int64_t layers = 0;
      for (const MachineShare& share : plan.shares) layers += share.last_layer - share.first_layer;
      EXPECT_EQ(layers, static_cast<std::int64_t>(model.layers.size()) + model.draft_layers)
          << name;
    }
  }
}

TEST(Distribute, TheSmallestMacBindsWhenSharesAreEqual) {
  DistributionRequest request = request_of({"m4-max-128gb", "m1-16gb"});
  request.split = {1, 1};
  const DistributedPlan plan =
      distribute(profiles().model("llama3.1:70b"), profiles().runtime("llama.cpp"), tokens(4096),
                 request, std::nullopt);
  EXPECT_EQ(plan.binding, 1U);
  EXPECT_EQ(plan.verdict, Verdict::does_not_fit);
  // By Metal's limits it fits.
  request.split.clear();
  const DistributedPlan shared =
      distribute(profiles().model("llama3.1:70b"), profiles().runtime("llama.cpp"), tokens(4096),
                 request, std::nullopt);
  EXPECT_EQ(shared.verdict, Verdict::tight);
  EXPECT_GT(shared.traffic_per_token, Bytes{});
}

/// Llama 3.1 8B on two Macs that each have room for all of it.
DistributedReport roomy(Distribution how) {
  const bool rpc = how == Distribution::llama_rpc;
  DistributedReport out{.model = profiles().model("llama3.1:8b", rpc ? "Q4_K_M" : "4bit"),
                        .runtime = profiles().runtime(rpc ? "llama.cpp" : "mlx"),
                        .names = {},
                        .plan = {}};
  out.plan = distribute(out.model, out.runtime, tokens(4096),
                        request_of({"m4-max-128gb", "m1-max-32gb"}, how),
                        profiles().speed_rules(out.runtime));
  return out;
}

TEST(Distribute, SaysWhatIsAssumedWhereThereIsRoomEnough) {
  const DistributedPlan rpc = roomy(Distribution::llama_rpc).plan;
  ASSERT_EQ(rpc.verdict, Verdict::tight);
  EXPECT_EQ(
      rpc.reasons.front(),
      "Every Mac has room; m1-max-32gb has the least, 23.87 GiB left; the compute buffers (as "
      "large as for the whole model on one Mac) are assumed, so it is not called comfortable.");
  const DistributedPlan mlx = roomy(Distribution::mlx_tensor).plan;
  ASSERT_EQ(mlx.verdict, Verdict::tight);
  EXPECT_THAT(mlx.reasons.front(),
              HasSubstr("left; the compute buffers (measured on one Mac alone) are assumed, so it "
                        "is not called comfortable."));
}

TEST(Distribute, SaysWhichMacHasLessThanItsMargin) {
  const DistributedPlan plan =
      distribute(profiles().model("llama3.1:70b"), profiles().runtime("llama.cpp"), tokens(4096),
                 request_of({"m1-16gb", "m1-max-32gb", "m1-16gb"}), std::nullopt);
  const MachineShare& binds = plan.shares[plan.binding];
  ASSERT_EQ(plan.verdict, Verdict::tight);
  ASSERT_LT(binds.plan.headroom, binds.plan.budget.safety_margin);
  EXPECT_THAT(plan.reasons.front(), HasSubstr(" keeps less than its safety margin of " +
                                              to_text(binds.plan.budget.safety_margin) + "."));
}

TEST(Distribute, TextStaysWithinItsWidthButForCommands) {
  for (const Distribution how : {Distribution::llama_rpc, Distribution::mlx_tensor}) {
    const DistributedReport report = roomy(how);
    const std::string text = to_text(report, {});
    EXPECT_THAT(text, HasSubstr("\nFits, but tight: every Mac has room; "));
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      const bool command = line.starts_with("  llama-server") || line.starts_with("  mlx.");
      EXPECT_TRUE(command || line.size() <= 80) << line;
    }
  }
}

TEST(Distribute, RefusesWhatTheEnginesCannotDo) {
  const Model model = profiles().model("llama3.1:70b");
  const Runtime runtime = profiles().runtime("llama.cpp");
  const auto refusal = [&](const DistributionRequest& request, const Workload& workload) {
    return error_of([&] { return distribute(model, runtime, workload, request, std::nullopt); });
  };
  expect_refusal(refusal(request_of({"m1-16gb"}), {}), Errc::bad_request, "--distribute", "twice");
  DistributionRequest request = request_of({"m1-16gb", "m1-max-32gb"});
  request.split = {1};
  expect_refusal(refusal(request, {}), Errc::bad_request, "--tensor-split", "1 numbers for 2");
  expect_refusal(refusal(request_of({"m1-16gb", "m1-max-32gb"}, Distribution::mlx_tensor), {}),
                 Errc::bad_request, "--distribute", "MLX");
}

TEST(Distribute, JsonFollowsItsSchema) {
  DistributedReport report{.model = profiles().model("llama3.1:70b"),
                           .runtime = profiles().runtime("llama.cpp"),
                           .names = {},
                           .plan = {}};
  report.plan = distribute(report.model, report.runtime, tokens(8192),
                           request_of({"m4-max-128gb", "m1-max-32gb"}),
                           profiles().speed_rules(report.runtime));
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(test::schema_faults(
                json, std::filesystem::path(PROFILES_DIR) / "schema/distributed-plan.schema.json"),
            "");
  EXPECT_THAT(json.at("machines").at(0).at("commands").at(0).get<std::string>(),
              HasSubstr("--rpc MAC2:50052 --tensor-split"));
  EXPECT_GT(json.at("generation_tps").get<double>(), 0);
}

}  // namespace
}  // namespace membudget::distribute_test
