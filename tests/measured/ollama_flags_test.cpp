// SPDX-License-Identifier: MIT
// The flags that Ollama gives llama-server by default, for 31 models on four Macs under two
// versions of macOS: data/ollama_flags.jsonl, written by ollama_flags.py from Ollama's source and
// from the sizes of published files. Nothing of what is tested here took part in it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "test_paths.hpp"

namespace membudget::ollama_flags_test {
namespace {

TEST(OllamaFlags, AreThoseOfItsRules) {
  const Profiles profiles = Profiles::embedded();
  const Runtime ollama = profiles.runtime("ollama@0.33.0");
  std::ifstream in(std::string(TEST_DATA_DIR) + "/measured/data/ollama_flags.jsonl");
  int models = 0;
  int compared = 0;
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    ++models;
    const Model model = profiles.model(row.at("model").get<std::string>(),
                                       row.at("quantization").get<std::string>());
    for (const auto& [where, flags] : row.at("flags").items()) {
      const auto space = where.find(' ');
      Machine mac = machine(profiles.chip(where.substr(0, space)));
      mac.macos = std::stoll(where.substr(space + 1));
      const Budget limits = budget(mac, ollama);
      const Workload out = configured({}, ollama, model, limits);
      const auto name = fmt::format("{} on {}", model.id, where);
      EXPECT_EQ(out.context, flags.at(0).get<std::int64_t>()) << name;
      EXPECT_EQ(out.batch, flags.at(1).get<std::int64_t>()) << name;
      EXPECT_EQ(out.ubatch, out.batch) << name;
      EXPECT_EQ(out.parallel, flags.at(2).get<std::int64_t>()) << name;
      EXPECT_EQ(out.kv_unified, false) << name;
      EXPECT_EQ(out.mmap, flags.at(4).get<bool>()) << name;
      Workload four;
      four.parallel = 4;
      EXPECT_EQ(configured(four, ollama, model, limits).parallel, flags.at(3).get<std::int64_t>())
          << name;
      ++compared;
    }
  }
  EXPECT_GE(models, 30);
  EXPECT_GE(compared, models * 8 - 4);
}

// "Ollama default ctx 32768 for this model", Ollama 0.17.0 on an M4 with 32 GB whose log prints a
// working set of 26800.6 MB, as macOS 26 has (public file no. 2311416387). The choice of the
// context by memory is older than 0.30, that of the batch is not.
TEST(OllamaFlags, HaveTheContextThatALogPrints) {
  const Profiles profiles = Profiles::embedded();
  const Runtime ollama = profiles.runtime("ollama");
  Machine mac = machine(profiles.chip("m4-32gb"));
  mac.macos = 26;
  const Budget limits = budget(mac, ollama);
  constexpr double printed_megabytes = 26800.6;
  EXPECT_NEAR(static_cast<double>(limits.gpu_limit.count()) / 1e6, printed_megabytes, 0.05);
  EXPECT_EQ(configured({}, ollama, profiles.model("phi-3-mini-128k", "Q4_0"), limits).context,
            32768);
}

}  // namespace
}  // namespace membudget::ollama_flags_test
