// SPDX-License-Identifier: MIT
// The source documents' tables of speed beside ours, with a verdict for each row. The golden file
// tests/golden/documents-speed.txt holds the table; MEMBUDGET_UPDATE_GOLDEN=1 rewrites it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "membudget/speed.hpp"
#include "test_paths.hpp"

namespace membudget::test::documents_test {
namespace {

using Json = nlohmann::json;

const std::string golden = std::string(TEST_DATA_DIR) + "/golden/";

std::string read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// What the machine says to a claim. Ranges that touch are not called wrong.
std::string verdict(double low, double high, const Speed& speed, bool fits) {
  if (low > speed.bound_tps) {
    return fmt::format("impossible: memory allows {:.1f}", speed.bound_tps);
  }
  const std::string memory = fits ? "" : ", but it does not fit";
  if (low > speed.generation.high) return "too high" + memory;
  if (high < speed.generation.low) return "too low" + memory;
  const bool inside = speed.generation.tps >= low && speed.generation.tps <= high;
  return (inside ? "holds" : "close") + memory;
}

std::string table() {
  const Profiles profiles = Profiles::embedded();
  const Json json = Json::parse(read(golden + "documents-speed.json"));
  std::string out = fmt::format("{:<20}{:<14}{:<21}{:<9}{:>9}{:>7}{:>15}  {}\n", "document",
                                "machine", "model", "type", "claimed", "ours", "range", "verdict");
  for (const Json& row : json.at("rows")) {
    const Model model =
        profiles.model(row.at("model").get<std::string>(), row.at("quant").get<std::string>());
    const Machine mac = machine(profiles.chip(row.at("chip").get<std::string>()));
    const Runtime llama = profiles.runtime("llama.cpp");
    Runtime runtime = llama;
    runtime.id = row.value("runtime", llama.id);
    Workload workload;
    workload.context = 4096;
    const Plan planned = plan(model, mac, llama, workload);
    const Speed speed = membudget::speed(model, mac, planned.footprint,
                                         profiles.speed_rules(runtime).value(), SpeedRequest{});
    const double low = row.at("low");
    const double high = row.value("high", std::numeric_limits<double>::infinity());
    const std::string claim = high > 1e9   ? fmt::format("{}+", low)
                              : high > low ? fmt::format("{}-{}", low, high)
                                           : fmt::format("{}", low);
    out += fmt::format("{:<20}{:<14}{:<21}{:<9}{:>9}{:>7.1f}{:>15}  {}\n",
                       row.at("document").get<std::string>(), mac.chip.id,
                       row.at("named").get<std::string>(), model.quantization, claim,
                       speed.generation.tps,
                       fmt::format("{:.1f}-{:.1f}", speed.generation.low, speed.generation.high),
                       verdict(low, high, speed, fits(planned.verdict)));
  }
  return out;
}

TEST(GoldenDocuments, SpeedTablesStandBesideOurs) {
  const std::string file = golden + "documents-speed.txt";
  const std::string now = table();
  if (std::getenv("MEMBUDGET_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file, std::ios::binary) << now;
  }
  EXPECT_EQ(now, read(file));
}

}  // namespace
}  // namespace membudget::test::documents_test
