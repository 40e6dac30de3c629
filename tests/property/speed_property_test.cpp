// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "membudget/profiles.hpp"
#include "membudget/speed.hpp"
#include "support/embedded.hpp"

namespace membudget::speed_property_test {
namespace {

/// One of each kind of layer: dense, windowed, experts, latent attention, recurrent, hybrid.
const std::vector<std::string>& names() {
  static const std::vector<std::string> all{
      "llama-3.2-1b", "gemma-3-4b", "gpt-oss-20b",    "qwen3-30b-a3b",     "glm-4.7-flash",
      "mamba-1.4b",   "qwen3.5-9b", "falcon-h1-0.5b", "deepseek-v3.2-671b"};
  return all;
}

const std::vector<std::string>& chips() {
  static const std::vector<std::string> all = profiles().chip_ids();
  return all;
}

Model some_model(const std::string& quantization = "Q4_K_M") {
  return profiles().model(*rc::gen::elementOf(names()), quantization);
}

Machine some_machine() {
  return machine(profiles().chip(*rc::gen::elementOf(chips())));
}

SpeedRules some_rules() {
  Runtime runtime = profiles().runtime("llama.cpp");
  runtime.id = *rc::gen::element<std::string>("llama.cpp", "ollama", "mlx");
  return profiles().speed_rules(runtime).value();
}

Workload some_workload() {
  Workload workload;
  workload.context = 8192;
  workload.parallel = *rc::gen::element<std::int64_t>(1, 4);
  workload.ubatch = *rc::gen::element<std::int64_t>(64, 512, 2048);
  workload.flash_attention = *rc::gen::element(FlashAttention::on, FlashAttention::off);
  workload.gpu_layers = *rc::gen::element<std::int64_t>(-1, 0, 5, 20);
  workload.cpu_moe = *rc::gen::arbitrary<bool>();
  return workload;
}

SpeedRequest some_request() {
  return {.depth = *rc::gen::inRange<std::int64_t>(0, 100'000),
          .prompt_tokens = *rc::gen::inRange<std::int64_t>(1, 20'000),
          .generate_tokens = *rc::gen::inRange<std::int64_t>(1, 2'000)};
}

Footprint footprint_of(const Model& model, const Workload& workload) {
  return estimate(model, profiles().runtime("llama.cpp"), workload);
}

RC_GTEST_PROP(SpeedProperty, NothingIsFasterThanTheBandwidthAllows, ()) {
  const Model model = some_model();
  const Speed made = speed(model, some_machine(), footprint_of(model, some_workload()),
                           some_rules(), some_request());
  RC_ASSERT(made.generation.tps > 0);
  RC_ASSERT(made.generation.low < made.generation.tps);
  RC_ASSERT(made.generation.tps <= made.generation.high);
  RC_ASSERT(made.generation.high <= made.bound_tps);
  RC_ASSERT(made.prompt.low < made.prompt.tps);
  RC_ASSERT(made.prompt.tps < made.prompt.high);
  RC_ASSERT(made.first_token_ms > 0);
}

RC_GTEST_PROP(SpeedProperty, DeeperIsNeverFaster, ()) {
  const Model model = some_model();
  const Machine mac = some_machine();
  const Footprint footprint = footprint_of(model, some_workload());
  const SpeedRules rules = some_rules();
  SpeedRequest request = some_request();
  const Speed shallow = speed(model, mac, footprint, rules, request);
  request.depth += *rc::gen::inRange<std::int64_t>(1, 100'000);
  const Speed deep = speed(model, mac, footprint, rules, request);
  RC_ASSERT(deep.generation.tps <= shallow.generation.tps);
  RC_ASSERT(deep.prompt.tps <= shallow.prompt.tps);
  RC_ASSERT(deep.first_token_ms >= shallow.first_token_ms);
  RC_ASSERT(deep.bytes_per_token >= shallow.bytes_per_token);
}

RC_GTEST_PROP(SpeedProperty, FewerBitsNeverReadMoreBytes, ()) {
  const std::string name = *rc::gen::elementOf(names());
  const Machine mac = some_machine();
  const SpeedRules rules = some_rules();
  double last = 0;
  for (const char* const quantization : {"Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0"}) {
    const Model model = profiles().model(name, quantization);
    Workload workload;
    workload.context = 8192;
    const double bytes =
        speed(model, mac, footprint_of(model, workload), rules, {}).bytes_per_token;
    RC_ASSERT(bytes >= last);
    last = bytes;
  }
}

// On the GPU: a last batch of 32 rows is offloaded and done before one of 31, which the CPU
// computes (GGML_OP_OFFLOAD_MIN_BATCH).
RC_GTEST_PROP(SpeedProperty, ALongerPromptIsAnsweredLaterOnTheGpu, ()) {
  const Model model = some_model();
  const Machine mac = some_machine();
  Workload workload = some_workload();
  workload.gpu_layers = -1;
  workload.cpu_moe = false;
  const Footprint footprint = footprint_of(model, workload);
  const SpeedRules rules = some_rules();
  SpeedRequest request = some_request();
  const double sooner = speed(model, mac, footprint, rules, request).first_token_ms;
  request.prompt_tokens += *rc::gen::inRange<std::int64_t>(1, 5'000);
  RC_ASSERT(speed(model, mac, footprint, rules, request).first_token_ms >= sooner * (1 - 1e-9));
}

}  // namespace
}  // namespace membudget::speed_property_test
