// SPDX-License-Identifier: MIT
// Predictions against the buffers that llama.cpp's own image encoder (tools/mtmd) allocated on
// Metal at b10587 and b10488: data/projectors.jsonl has all 47 rows of six projectors, at load and
// after images of several sizes, with and without flash attention.

#include "engine/llamacpp/projector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "support/measured.hpp"
#include "support/projectors.hpp"
#include "test_paths.hpp"

namespace membudget::test::projector_test {
namespace {

using nlohmann::json;

// A row's buffers are as large as the largest image so far made them: each projector's rows are
// of one process per flash attention, which began with the warm-up.
TEST(Projectors, TakeWhatTheEngineAllocates) {
  std::ifstream in(std::string(TEST_DATA_DIR) + "/measured/data/projectors.jsonl");
  if (!in) {
    throw std::runtime_error("cannot read projectors.jsonl");
  }
  int rows = 0;
  for (std::string line; std::getline(in, line); ++rows) {
    const json row = json::parse(line);
    const Projector projector = projector_by_name(row.at("model").get<std::string>());
    const json& settings = row.at("settings");
    Settings asked;
    asked.flash_attention =
        settings.at("flash_attn").get<int>() == 0 ? FlashAttention::off : FlashAttention::automatic;
    EXPECT_EQ(projector.weights().count(),
              row.at("buffers").at("MTL0").at("model").get<std::int64_t>())
        << line;
    ASSERT_TRUE(llamacpp::projector_graph_known(projector)) << line;
    for (const char* build : {"b10587", "b10488"}) {
      const LlamaCppRules rules = measured_runtime(build).llama_cpp;
      const auto memory = llamacpp::projector_memory(projector, asked, rules);
      auto predicted = memory.loaded;
      const llamacpp::ImageSize image{.width = settings.at("image_w"),
                                      .height = settings.at("image_h")};
      const auto own = llamacpp::project_image(projector, image, asked, rules);
      predicted.gpu = std::max(predicted.gpu, own.gpu);
      predicted.host = std::max(predicted.host, own.host);
      EXPECT_EQ(predicted.gpu.count(),
                row.at("buffers").at("MTL0").at("compute").get<std::int64_t>())
          << build << " " << line;
      EXPECT_EQ(predicted.host.count(),
                row.at("buffers").at("CPU").at("compute").get<std::int64_t>())
          << build << " " << line;
      if (settings.at("what") == "warmup") {
        EXPECT_EQ(memory.tokens, settings.at("n_image_tokens").get<std::int64_t>()) << line;
      }
    }
  }
  EXPECT_EQ(rows, 47);
}

}  // namespace
}  // namespace membudget::test::projector_test
