// SPDX-License-Identifier: MIT
// Peaks that mlx-lm printed, as published, against what a plan predicts: every row is printed.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "membudget/footprint.hpp"
#include "membudget/profiles.hpp"
#include "test_paths.hpp"

namespace membudget::mlx_test {
namespace {

using Json = nlohmann::json;

struct Row {
  std::string model;
  std::string quantization;
  Workload workload;
  Bytes measured;
  Bytes predicted;

  [[nodiscard]] double error() const { return static_cast<double>((predicted - measured).count()); }
  [[nodiscard]] double relative() const { return error() / static_cast<double>(measured.count()); }
};

bool is_large(const std::string& chip) {
  return chip.empty() || chip.find(" Max") != std::string::npos ||
         chip.find(" Ultra") != std::string::npos;
}

class MlxPeaks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Profiles profiles = Profiles::embedded();
    const Runtime runtime = profiles.runtime("mlx");
    std::map<std::string, Model> models;
    std::ifstream stream(std::string(TEST_DATA_DIR) + "/measured/data/mlx_peaks.jsonl");
    std::string line;
    std::getline(stream, line);
    fmt::print("{:<42}{:<10}{:>8}{:>6}{:>4}{:>10}{:>10}{:>8}{:>7}\n", "model", "quant", "prompt",
               "step", "kv", "printed", "predicted", "GB", "%");
    while (std::getline(stream, line)) {
      const Json json = Json::parse(line);
      if (json.contains("aside")) {
        ++aside()[json.at("published").get<std::string>() + ": " +
                  json.at("aside").get<std::string>()];
        continue;
      }
      Row row;
      row.model = json.at("model");
      row.quantization = json.at("quant");
      row.workload.prompt_tokens = json.at("prompt").get<std::int64_t>();
      row.workload.generate_tokens = json.value("generate", std::int64_t{128});
      row.workload.prefill_step = json.at("step").get<std::int64_t>();
      row.workload.kv_bits = json.value("kv_bits", std::int64_t{0});
      row.workload.buffer_ops = is_large(json.value("chip", std::string()))
                                    ? runtime.mlx.buffer_ops
                                    : runtime.mlx.base_buffer_ops;
      row.measured = Bytes(json.at("peak_bytes").get<std::int64_t>());
      const std::string key = row.model + " " + row.quantization;
      if (!models.contains(key)) {
        models.emplace(key, profiles.model(row.model, row.quantization));
      }
      row.predicted = estimate(models.at(key), runtime, row.workload).peak.value();
      fmt::print("{:<42}{:<10}{:>8}{:>6}{:>4}{:>10.3f}{:>10.3f}{:>8.3f}{:>7.2f}\n", row.model,
                 row.quantization, *row.workload.prompt_tokens, *row.workload.prefill_step,
                 *row.workload.kv_bits, static_cast<double>(row.measured.count()) / 1e9,
                 static_cast<double>(row.predicted.count()) / 1e9, row.error() / 1e9,
                 100 * row.relative());
      rows().push_back(std::move(row));
    }
    for (const auto& [what, count] : aside()) {
      fmt::print("not scored ({}): {}\n", count, what);
    }
    fmt::print("{} rows: mean absolute error {:.2f} %, worst {:+.2f} and {:+.2f} GB\n",
               rows().size(), 100 * mean(), worst().first / 1e9, worst().second / 1e9);
  }

  static std::vector<Row>& rows() {
    static std::vector<Row> result;
    return result;
  }
  static std::map<std::string, int>& aside() {
    static std::map<std::string, int> result;
    return result;
  }

  static double mean() {
    double sum = 0;
    for (const Row& row : rows()) {
      sum += std::abs(row.relative());
    }
    return sum / static_cast<double>(rows().size());
  }

  /// The largest under- and over-estimate, in bytes.
  static std::pair<double, double> worst() {
    std::pair<double, double> out;
    for (const Row& row : rows()) {
      out.first = std::min(out.first, row.error());
      out.second = std::max(out.second, row.error());
    }
    return out;
  }
};

TEST_F(MlxPeaks, RowsAreReadAndMostAreScored) {
  ASSERT_GE(rows().size(), 64U);
  int apart = 0;
  for (const auto& [what, count] : aside()) {
    apart += count;
  }
  EXPECT_LE(apart, 11);
}

TEST_F(MlxPeaks, TheMeanErrorIsAtMostSixteenPerThousand) {
  EXPECT_LE(mean(), 0.016);
}

TEST_F(MlxPeaks, NoPeakIsUnderestimatedByMoreThanThreeTenthsOfAGigabyte) {
  EXPECT_GE(worst().first, -0.3e9);
}

// Published to show it: the step is what a long prompt's peak hangs on.
TEST_F(MlxPeaks, SmallerStepsSaveWhatWasMeasured) {
  std::map<std::int64_t, const Row*> by_step;
  for (const Row& row : rows()) {
    if (row.model == "qwen3.8-27b") {
      by_step[*row.workload.prefill_step] = &row;
    }
  }
  ASSERT_EQ(by_step.size(), 4U);
  const Row& longest = *by_step.at(2048);
  for (const auto& [step, row] : by_step) {
    const double saved = static_cast<double>((longest.measured - row->measured).count());
    const double predicted = static_cast<double>((longest.predicted - row->predicted).count());
    EXPECT_NEAR(predicted, saved, 0.25e9) << step;
  }
}

}  // namespace
}  // namespace membudget::mlx_test
