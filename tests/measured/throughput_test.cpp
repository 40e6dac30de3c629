// SPDX-License-Identifier: MIT
// Predicted speed against published benchmarks: the distribution of the errors per GPU, type of
// weights and kind of engine is printed, and the whole must keep within its bounds.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "support/published.hpp"
#include "test_paths.hpp"

namespace membudget::test::throughput_test {
namespace {

/// One table: name and errors of generation and prompt.
using Table = std::map<std::string, std::pair<Errors, Errors>>;

class Throughput : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Profiles profiles = Profiles::embedded();
    const PublishedSpeeds published(profiles,
                                    std::string(TEST_DATA_DIR) + "/measured/data/throughput.jsonl");
    for (const PublishedSpeed& row : published.rows()) {
      Runtime runtime = profiles.runtime("llama.cpp");
      runtime.id = row.runtime;
      const SpeedRules rules = profiles.speed_rules(runtime).value();
      if (row.generation_tps) {
        take_generation(
            row, speed(*row.content, row.machine, row.footprint, rules, row.generation_request()));
      }
      if (row.prompt_tps) {
        take_prompt(row,
                    speed(*row.content, row.machine, row.footprint, rules, row.prompt_request()));
      }
    }
    fmt::print("{:<28}{:>8}{:>8}{:>8}{:>10}{:>8}{:>8}\n", "error in %", "rows", "median", "p90",
               "prompts", "median", "p90");
    for (const auto& [name, errors] : table()) {
      const auto& [generation, prompt] = errors;
      fmt::print("{:<28}{:>8}{:>8.1f}{:>8.1f}{:>10}{:>8.1f}{:>8.1f}\n", name,
                 generation.values.size(), 100 * generation.quantile(0.5),
                 100 * generation.quantile(0.9), prompt.values.size(), 100 * prompt.quantile(0.5),
                 100 * prompt.quantile(0.9));
    }
    for (const auto& [reason, rows] : published.aside()) {
      fmt::print("{} rows set aside: {}\n", rows, reason);
    }
    fmt::print("within the range: {} of {} generated, {} of {} prompted\n", inside().first,
               table()["all"].first.values.size(), inside().second,
               table()["all"].second.values.size());
  }

  static Table& table() {
    static Table result;
    return result;
  }
  static std::pair<int, int>& inside() {
    static std::pair<int, int> result;
    return result;
  }
  static int& above_bound() {
    static int result = 0;
    return result;
  }

 private:
  static std::vector<std::string> groups_of(const PublishedSpeed& row) {
    const std::string chip = row.chip.substr(row.chip.find(' ') + 1);
    std::vector<std::string> groups{"all", "generation " + chip.substr(0, chip.find(' ')),
                                    "chip " + chip, "quantization " + row.quantization,
                                    "runtime " + row.runtime};
    if (row.source.find("discussions/4167") != std::string::npos) {
      groups.emplace_back("discussion 4167");
    }
    return groups;
  }

  static void take_generation(const PublishedSpeed& row, const Speed& predicted) {
    for (const std::string& group : groups_of(row)) {
      table()[group].first.add(predicted.generation.tps, *row.generation_tps);
    }
    inside().first += *row.generation_tps >= predicted.generation.low &&
                      *row.generation_tps <= predicted.generation.high;
    above_bound() += predicted.generation.high > predicted.bound_tps;
  }

  static void take_prompt(const PublishedSpeed& row, const Speed& predicted) {
    for (const std::string& group : groups_of(row)) {
      table()[group].second.add(predicted.prompt.tps, *row.prompt_tps);
    }
    inside().second +=
        *row.prompt_tps >= predicted.prompt.low && *row.prompt_tps <= predicted.prompt.high;
  }
};

TEST_F(Throughput, GenerationIsPredicted) {
  const Errors& all = table()["all"].first;
  ASSERT_GE(all.values.size(), 290U);
  EXPECT_LE(all.quantile(0.5), 0.05);
  EXPECT_LE(all.quantile(0.9), 0.18);
}

TEST_F(Throughput, OneModelOnEveryChipIsPredicted) {
  const Errors& rows = table()["discussion 4167"].first;
  ASSERT_GE(rows.values.size(), 50U);
  EXPECT_LE(rows.quantile(0.5), 0.04);
  EXPECT_LE(rows.quantile(0.9), 0.10);
}

TEST_F(Throughput, PromptsArePredicted) {
  const Errors& all = table()["all"].second;
  ASSERT_GE(all.values.size(), 190U);
  EXPECT_LE(all.quantile(0.5), 0.07);
  EXPECT_LE(all.quantile(0.9), 0.22);
}

TEST_F(Throughput, TheRangeHoldsFourInFiveRows) {
  const auto share = [](int rows, const Errors& of) {
    return static_cast<double>(rows) / static_cast<double>(of.values.size());
  };
  const auto& [generation, prompt] = table()["all"];
  EXPECT_NEAR(share(inside().first, generation), 0.8, 0.06);
  EXPECT_NEAR(share(inside().second, prompt), 0.8, 0.06);
}

TEST_F(Throughput, NothingIsFasterThanMemory) {
  EXPECT_EQ(above_bound(), 0);
}

}  // namespace
}  // namespace membudget::test::throughput_test
