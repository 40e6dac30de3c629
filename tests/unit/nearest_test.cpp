// SPDX-License-Identifier: MIT
#include "membudget/nearest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace membudget::nearest_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Nearest, CountsSlipsOfTheHand) {
  EXPECT_EQ(edit_distance("qwen3", "QWEN3"), 0U);
  EXPECT_EQ(edit_distance("qwen3", "qewn3"), 1U) << "swapped neighbours are one slip";
  EXPECT_EQ(edit_distance("lama", "llama"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  const std::vector<std::string> names{"phi-4-14b", "phi-4-mini", "qwen3-8b"};
  EXPECT_THAT(nearest_names("phi-4", names, 5), ElementsAre("phi-4-14b", "phi-4-mini"));
  EXPECT_THAT(nearest_names("something else", names, 5), IsEmpty());
}

TEST(Nearest, TakesNamesWithoutTheirSeparatorsAndTheirBeginnings) {
  const std::vector<std::string> names{"m1-max-24c-32gb", "m1-max-32gb", "m1-pro-16gb",
                                       "m1-8gb",          "Q4_K_M",      "Q4_0"};
  for (const auto* written : {"m1-max", "m1max", "M1 Max", "m1_max"}) {
    EXPECT_THAT(nearest_names(written, names, 5), ElementsAre("m1-max-32gb", "m1-max-24c-32gb"))
        << written;
  }
  EXPECT_THAT(nearest_names("m1", names, 2), ElementsAre("m1-8gb", "m1-max-32gb"))
      << "the shortest first";
  EXPECT_THAT(nearest_names("q4km", names, 1), ElementsAre("Q4_K_M"))
      << "a name whose separators alone are missing is nearer than two slips";
}

TEST(Nearest, KnowsNoNameOfWhichNoLetterIsThere) {
  const std::vector<std::string> names{"yi", "phi"};
  EXPECT_THAT(nearest_names("", names, 5), IsEmpty());
  EXPECT_THAT(nearest_names("-", names, 5), IsEmpty());
  EXPECT_THAT(nearest_names("q", names, 5), IsEmpty());
  EXPECT_THAT(nearest_names("4b", names, 5), IsEmpty());
  EXPECT_THAT(nearest_names("iy", names, 5), ElementsAre("yi"));
}

}  // namespace
}  // namespace membudget::nearest_test
