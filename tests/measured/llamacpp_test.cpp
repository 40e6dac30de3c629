// SPDX-License-Identifier: MIT
// Predictions against the sizes that llama.cpp itself allocated: builds b10587 and b10488 on
// Metal, b10587 on the CPU. Every size must be equal, to the byte, unless a row is listed in
// data/known_differences.json with its reason.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "support/accuracy.hpp"
#include "support/measured.hpp"
#include "test_paths.hpp"

namespace membudget::test::llamacpp_test {
namespace {

const std::string data = std::string(TEST_DATA_DIR) + "/measured/data";

// Models and settings whose prediction differs, by "architecture" or "architecture:part".
std::map<std::string, std::string> known_differences() {
  std::ifstream in(data + "/known_differences.json");
  return nlohmann::json::parse(in).get<std::map<std::string, std::string>>();
}

void check(Accuracy& accuracy, MeasuredModels& models, const MeasuredRow& row) {
  const Model* model = models.find(row.model, row.quantization);
  if (model == nullptr) {
    accuracy.skip(row);
    return;
  }
  try {
    accuracy.compare(row, estimate_row(*model, row));
  } catch (const Error& error) {
    accuracy.fail(row, error.what());
  }
}

void expect_exact(const Accuracy& accuracy) {
  const auto known = known_differences();
  constexpr std::size_t shown = 20;
  std::size_t unexplained = 0;
  for (const Accuracy::Difference& difference : accuracy.differences()) {
    if (known.contains(difference.architecture + ":" + difference.part)) {
      continue;
    }
    if (++unexplained <= shown) {
      ADD_FAILURE() << difference.text;
    }
  }
  EXPECT_EQ(unexplained, 0U);
}

TEST(LlamaCppSizes, AreEqualToTheByte) {
  MeasuredModels models;
  models.read_packed(data + "/tensor_mixes.jsonl");
  Accuracy accuracy;
  for_each_row(data + "/rows.jsonl", [&](const MeasuredRow& row) { check(accuracy, models, row); });
  EXPECT_GT(accuracy.rows(), 1000);
  expect_exact(accuracy);
}

// The complete check, and with MEMBUDGET_WRITE_ACCURACY the tables that it proves.
TEST(LlamaCppSizes, AreEqualInTheOriginalFiles) {
  const char* folder = std::getenv("MEMBUDGET_MEASURED");
  if (folder == nullptr) {
    GTEST_SKIP() << "MEMBUDGET_MEASURED names no folder with the original files";
  }
  MeasuredModels models;
  Accuracy accuracy;
  for (const std::string more : {"", "more_"}) {
    models.read(std::string(folder) + "/" + more + "tensor_mixes.jsonl");
  }
  for (const std::string more : {"", "more_"}) {
    for (const std::string kind : {"metal_b10587", "metal_b10488", "cpu_b10587"}) {
      for_each_row(fmt::format("{}/{}llamacpp_{}.jsonl", folder, more, kind),
                   [&](const MeasuredRow& row) { check(accuracy, models, row); });
    }
  }
  expect_exact(accuracy);
  if (std::getenv("MEMBUDGET_WRITE_ACCURACY") != nullptr) {
    accuracy.write_tables(std::string(TEST_DATA_DIR) + "/measured/README.md",
                          std::string(TEST_DATA_DIR) + "/../README.md");
  }
}

}  // namespace
}  // namespace membudget::test::llamacpp_test
