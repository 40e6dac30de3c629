// SPDX-License-Identifier: MIT
// Every model of the catalog on every runtime at every quantization that its engine reads: a plan
// whose parts are its total, or one sentence why not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"

namespace membudget::test::all_runtimes_test {
namespace {

/// The quantizations that the engine reads as they are.
std::vector<std::string> quantizations_of(Engine engine) {
  std::vector<std::string> out;
  for (const std::string& name : profiles().quantization_names()) {
    try {
      if (profiles().nearest_quantization(name, engine) == name) out.push_back(name);
    } catch (const Error&) {  // The engine reads nothing like it.
    }
  }
  return out;
}

bool is_one_sentence(const std::string& text) {
  return text.size() > 20 && text.find('\n') == std::string::npos;
}

struct Walk {
  std::int64_t planned = 0;
  std::int64_t refused = 0;
  std::set<std::string> models;  ///< Planned at one quantization at least.
};

void plan_one(Walk& walk, const Runtime& runtime, const std::string& id, const std::string& quant,
              const Machine& machine) {
  const std::string which = fmt::format("{} {} on {}", id, quant, runtime.id);
  Workload workload;
  workload.context = 4096;
  try {
    const Model model = profiles().model(id, quant);
    const Plan out = plan(model, machine, runtime, workload);
    Bytes sum;
    for (const Part& part : out.footprint.parts) sum = sum + part.bytes;
    EXPECT_EQ(sum, out.footprint.total()) << which;
    EXPECT_GT(out.footprint.total(PartName::weights), Bytes()) << which;
    ++walk.planned;
    walk.models.insert(id);
  } catch (const Error& error) {
    EXPECT_TRUE(error.code() == Errc::unsupported || error.code() == Errc::bad_request)
        << which << ": " << error.what();
    EXPECT_TRUE(is_one_sentence(error.what())) << which << ": " << error.what();
    ++walk.refused;
  }
}

class AllRuntimes : public testing::TestWithParam<std::string> {};

TEST_P(AllRuntimes, PlanEveryCatalogModelOrSayWhyNot) {
  const Runtime runtime = profiles().runtime(GetParam());
  Machine machine;
  machine.chip = profiles().chip("m3-ultra-512gb");
  const auto quantizations = quantizations_of(runtime.engine);
  ASSERT_FALSE(quantizations.empty());
  const auto ids = profiles().model_ids();
  ASSERT_GT(ids.size(), 300U);
  Walk walk;
  for (const std::string& id : ids) {
    for (const std::string& quantization : quantizations) {
      plan_one(walk, runtime, id, quantization, machine);
    }
  }
  fmt::print("{}: {} models of {}, {} plans at {} quantizations, {} refused\n", runtime.id,
             walk.models.size(), ids.size(), walk.planned, quantizations.size(), walk.refused);
  EXPECT_GT(walk.planned, 0);
  if (runtime.engine == Engine::llama_cpp) {
    EXPECT_EQ(walk.models.size(), ids.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Runtimes, AllRuntimes, testing::ValuesIn(profiles().runtime_ids()),
                         [](const auto& each) {
                           std::string name = each.param;
                           for (char& c : name) {
                             if (c == '.' || c == '-') c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace membudget::test::all_runtimes_test
