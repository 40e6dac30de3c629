// SPDX-License-Identifier: MIT
// What llama.cpp's --fit does to a context nobody asked for, and to layers (common/fit.cpp).
#include "plan/fit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "membudget/advise.hpp"
#include "membudget/load_model.hpp"
#include "membudget/settings.hpp"
#include "support/embedded.hpp"

namespace membudget::fit_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Machine mac(const std::string& chip) {
  return machine(profiles().chip(chip));
}

Plan planned(const std::string& model, const std::string& chip, const Workload& workload = {},
             const std::string& runtime = "llama.cpp") {
  return plan(profiles().model(model), mac(chip), profiles().runtime(runtime), workload);
}

std::int64_t context_of(const Plan& plan) {
  return plan.footprint.settings.context;
}

TEST(Fit, TakesWhatAPublishedLogShows) {
  // Public file no. 52673090072 (2026-03-03): an M5 with 24 GB, a model of 8603 MiB, a cache of
  // 8704, 264 of compute and 544 + 144 on the host. 131072 rows of Q8_0 on the host and 34 layers
  // of 8 x 128 are Ministral-3-8B's, and the cache is then one of 65536 tokens, which nobody asks
  // for of a model trained for 262144.
  Workload workload;
  const auto runtime = profiles().runtime("llama.cpp@b8185");
  const Plan plan = membudget::plan(profiles().model("ministral-3-8b", "Q8_0"), mac("m5-24gb"),
                                    runtime, workload);
  EXPECT_EQ(context_of(plan), 65536);
  EXPECT_EQ(plan.footprint.gpu.kv, mib(8704));
  EXPECT_EQ(plan.footprint.gpu.compute, mib(264));
  EXPECT_EQ(plan.footprint.host.compute.count() >> 20, 144);
  EXPECT_EQ(plan.footprint.gpu.model.count() >> 20, 8603);
  EXPECT_TRUE(fits(plan.verdict));
}

TEST(Fit, KeepsTheTrainedContextWhereItLeavesTheMargin) {
  const Plan plan = planned("qwen2.5-coder:32b", "m4-max-128gb");
  EXPECT_EQ(context_of(plan), 32768);
  EXPECT_THAT(plan.reasons, Not(Contains(HasSubstr("--fit"))));
}

TEST(Fit, DrawsALineBetweenTheLeastAndTheTrainedContext) {
  const Model model = profiles().model("llama3.1:8b");
  const auto runtime = profiles().runtime("llama.cpp");
  const auto on_gpu = [&](std::int64_t context) {
    Workload workload;
    workload.context = context;
    workload.mmap = false;
    return estimate(model, runtime, workload).total(Place::gpu).count();
  };
  for (const std::string chip : {"m1-16gb", "m2-16gb", "m3-8c-16gb"}) {
    const Plan plan = planned("llama3.1:8b", chip);
    const std::int64_t target = (plan.budget.gpu_limit - gib(1)).count();
    const std::int64_t line =
        4096 + (131072 - 4096) * (target - on_gpu(4096)) / (on_gpu(131072) - on_gpu(4096));
    EXPECT_EQ(context_of(plan), line - line % 256) << chip;
    EXPECT_THAT(plan.reasons, Contains(HasSubstr("Without -c llama.cpp takes " +
                                                 std::to_string(context_of(plan)))));
  }
}

TEST(Fit, GoesNoLowerThanItsLeast) {
  const Plan plan = planned("llama3.3:70b", "m1-max-32gb");
  EXPECT_EQ(context_of(plan), 4096);
  EXPECT_FALSE(fits(plan.verdict));
  EXPECT_THAT(plan.reasons, Contains(HasSubstr("--fit goes down to no fewer")));
}

TEST(Fit, EverySlotWithACacheOfItsOwnGetsAsMuch) {
  Workload four;
  four.parallel = 4;
  EXPECT_EQ(context_of(planned("qwen2.5-coder:0.5b", "m4-max-128gb", four)), 4 * 32768);
  EXPECT_EQ(context_of(planned("llama3.3:70b", "m1-max-32gb", four)), 4 * 4096);
  EXPECT_EQ(context_of(planned("qwen2.5-coder:32b", "m1-max-32gb", four)) % (4 * 256), 0);
}

TEST(Fit, IsNotAskedWhereAContextIsGivenOrComesWithTheModel) {
  Workload asked;
  asked.context = 100000;
  EXPECT_EQ(context_of(planned("llama3.1:8b", "m1-16gb", asked)), 100000);
  // -c 0 asks for all that the model was trained for (common/arg.cpp).
  asked.context = 0;
  EXPECT_EQ(context_of(planned("llama3.1:8b", "m1-16gb", asked)), 131072);
  Model model = profiles().model("llama3.1:8b");
  model.default_context = 60000;
  const Plan plan =
      membudget::plan(model, mac("m1-16gb"), profiles().runtime("llama.cpp"), Workload{});
  EXPECT_EQ(context_of(plan), 60000);
}

TEST(Fit, OlderBuildsAndOtherProgramsDoNot) {
  EXPECT_FALSE(profiles().runtime("llama.cpp@b7406").fit);
  EXPECT_TRUE(profiles().runtime("llama.cpp@b7407").fit);
  EXPECT_FALSE(profiles().runtime("lmstudio").fit);
  EXPECT_EQ(context_of(planned("llama3.1:8b", "m1-16gb", {}, "llama.cpp@b7406")), 131072);
}

TEST(Fit, TokensTimesBytesMayBeLarge) {
  // 10485760 tokens, four and 256 times.
  for (const std::int64_t slots : {1, 4, 64, 256}) {
    Workload workload;
    workload.parallel = slots;
    const Plan plan = planned("llama4:scout", "m3-ultra-512gb", workload);
    EXPECT_GE(context_of(plan), 4096 * slots);
    EXPECT_LT(context_of(plan), std::int64_t{1} << 31);
    EXPECT_GT(max_context(profiles().model("llama4:scout"), mac("m3-ultra-512gb"),
                          profiles().runtime("llama.cpp"), workload),
              0);
  }
  Model model = profiles().model("qwen2.5-0.5b");
  model.trained_context = std::int64_t{1} << 40;
  EXPECT_GT(context_of(membudget::plan(model, mac("m1-16gb"), profiles().runtime("llama.cpp"),
                                       Workload{})),
            4096);
}

TEST(Fit, WithoutAGpuItLooksAtTheRam) {
  Machine host = mac("m1-8gb");
  host.metal = false;
  Workload cpu;
  cpu.backend = Backend::cpu;
  const auto plan =
      membudget::plan(profiles().model("llama3.1:8b"), host, profiles().runtime("llama.cpp"), cpu);
  EXPECT_LT(context_of(plan), 131072);
  EXPECT_GT(context_of(plan), 4096);
  EXPECT_THAT(plan.reasons, Contains(HasSubstr("leaves 1.00 GiB of the RAM free")));
}

PlannedRun run_of(const std::string& name, const std::string& chip, std::int64_t context,
                  const std::string& runtime) {
  PlannedRun run;
  run.model = profiles().model(name);
  run.machine = mac(chip);
  run.server = profiles().runtime("llama.cpp");
  run.ollama = profiles().runtime("ollama");
  run.lmstudio = profiles().runtime("lmstudio");
  run.workload.context = context;
  run.names = names_of(name, run.model, profiles());
  run.plan = plan(run.model, run.machine, profiles().runtime(runtime), run.workload);
  return run;
}

std::string moved(const PlannedRun& run, const Runtime& runtime) {
  return moved_layers_remark(run.plan, run.workload, runtime, run.model);
}

TEST(Fit, SettingsKeepLayersWhereThePlanHasThem) {
  const auto tight = run_of("qwen2.5-coder:32b", "m1-max-32gb", 25600, "llama.cpp");
  ASSERT_LT(tight.plan.headroom, gib(1));
  EXPECT_THAT(moved(tight, tight.server), HasSubstr("moves layers to the CPU unless it is"));
  EXPECT_THAT(runtime_commands(tight).llama_server, HasSubstr("-c 25600 --fit off"));
  EXPECT_THAT(runtime_commands(tight).modelfile, HasSubstr("PARAMETER num_gpu 65"));
  const auto roomy = run_of("qwen2.5-coder:32b", "m1-max-32gb", 8192, "llama.cpp");
  EXPECT_EQ(moved(roomy, roomy.server), "");
  EXPECT_THAT(runtime_commands(roomy).llama_server, Not(HasSubstr("--fit")));
  EXPECT_THAT(runtime_commands(roomy).modelfile, Not(HasSubstr("num_gpu")));
  const auto ollama = run_of("qwen2.5-coder:32b", "m1-max-32gb", 25600, "ollama");
  EXPECT_THAT(moved(ollama, ollama.ollama), HasSubstr("unless num_gpu is set"));
  EXPECT_THAT(runtime_commands(ollama).modelfile, HasSubstr("PARAMETER num_gpu 65"));
}

TEST(Fit, LeavesAloneWhatSomebodyChose) {
  auto run = run_of("qwen3:30b-a3b", "m4-24gb", 4096, "llama.cpp");
  const auto moves = [&](const Workload& workload) {
    const Plan made = plan(run.model, run.machine, run.server, workload);
    return fit_moves_layers(made.footprint, workload, run.server, run.model, made.budget);
  };
  Workload workload = run.workload;
  workload.mmap = false;
  ASSERT_TRUE(moves(workload));
  Workload chosen = workload;
  chosen.gpu_layers = 99;
  EXPECT_FALSE(moves(chosen));
  chosen = workload;
  chosen.n_cpu_moe = 1;
  EXPECT_FALSE(moves(chosen));
  chosen = workload;
  chosen.tensor_overrides = {{.pattern = "blk.0.ffn", .buffer = Backend::cpu}};
  EXPECT_FALSE(moves(chosen));
}

TEST(Fit, CountsAModelThatIsRead) {
  // Mapped, less than 1 GiB is left; --fit counts without the table of tokens and has 1 GiB.
  const Plan plan = planned("llama3.1:8b", "m1-16gb");
  ASSERT_LT(plan.headroom, gib(1));
  auto run = run_of("llama3.1:8b", "m1-16gb", context_of(plan), "llama.cpp");
  EXPECT_EQ(moved(run, run.server), "");
  EXPECT_THAT(runtime_commands(run).llama_server, Not(HasSubstr("--fit")));
}

TEST(Fit, OllamaWantsRoomForATowerTwice) {
  auto run = run_of("gemma3:12b", "m1-16gb", 8192, "ollama");
  const Bytes tower = run.plan.footprint.total(PartName::projector);
  ASSERT_GT(tower, mib(500));
  run.plan.budget.gpu_limit =
      run.plan.footprint.total(Place::gpu) + gib(1) + Bytes(tower.count() / 2);
  EXPECT_THAT(moved(run, run.ollama), HasSubstr("moves layers"));
}

TEST(Fit, SettingsLeaveOutOnlyTheServersOwnContext) {
  auto run = run_of("llama3.1:8b", "m4-max-128gb", 131072, "llama.cpp");
  // Who gives -np 4 beside it would get 131072 for each slot without -c.
  EXPECT_THAT(runtime_commands(run).llama_server, HasSubstr("-c 131072"));
  run.own_context = true;
  EXPECT_THAT(runtime_commands(run).llama_server, Not(HasSubstr("-c ")));
}

}  // namespace
}  // namespace membudget::fit_test
