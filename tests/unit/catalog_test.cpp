// SPDX-License-Identifier: MIT
// Walks the whole catalog: what is listed can be planned, or says in one sentence why not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "membudget/membudget.hpp"

namespace membudget::catalog_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What llama-quantize and mlx-lm refuse, they refuse of few models and with a reason.
void expect_refusal_with_reason(const Error& error, const std::string& what) {
  EXPECT_EQ(error.code(), Errc::bad_request) << what << ": " << error.what();
  EXPECT_THAT(std::string(error.what()), Not(HasSubstr("\n"))) << what;
  EXPECT_THAT(std::string(error.what()), HasSubstr("; use ")) << what << " names no remedy";
}

TEST(Catalog, HasEveryModelInEveryQuantizationOrSaysWhyNot) {
  const Profiles profiles = Profiles::embedded();
  const auto quantizations = profiles.quantization_names();
  int refused = 0;
  int written = 0;
  for (const std::string& id : profiles.model_ids()) {
    std::int64_t parameters = 0;
    for (const std::string& quantization : quantizations) {
      try {
        const Model model = profiles.model(id, quantization);
        ++written;
        // Whatever the types, it stays the same model.
        parameters = parameters == 0 ? parameters_of(model) : parameters;
        EXPECT_EQ(parameters_of(model), parameters) << id << " " << quantization;
        EXPECT_GT(model.header, Bytes{}) << id << " " << quantization;
      } catch (const Error& error) {
        ++refused;
        expect_refusal_with_reason(error, id + " " + quantization);
      }
    }
  }
  EXPECT_GT(written, 18'000);
  EXPECT_LT(refused, written / 50);
}

TEST(Catalog, IsPlannedInItsUsualQuantizationWithoutAssumptions) {
  const Profiles profiles = Profiles::embedded();
  const Machine mac = machine(profiles.chip("m3-ultra-512gb"));
  const Runtime runtime = profiles.runtime("llama.cpp");
  Workload workload;
  workload.context = 4096;
  for (const std::string& id : profiles.model_ids()) {
    const Model model = profiles.model(id);
    EXPECT_EQ(model.not_understood, "") << id;
    const Plan plan = membudget::plan(model, mac, runtime, workload);
    EXPECT_FALSE(plan.footprint.assumed()) << id;
    EXPECT_GT(plan.footprint.total() * 4, model.tensors.total()) << id;
  }
}

}  // namespace
}  // namespace membudget::catalog_test
