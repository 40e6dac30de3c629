// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "membudget/rank_report.hpp"

namespace membudget::ranking_report_test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Two models of a catalog of so many, made by hand; eight are left out.
RankReport example(std::size_t catalog) {
  RankReport out;
  out.ranking.request.workload.context = 16384;
  out.ranking.request.min_tps = 8;
  for (const char* id : {"first", "second"}) {
    RankedModel model;
    model.entry.id = id;
    out.ranking.models.push_back(model);
  }
  out.ranking.left_out.too_large = 5;
  out.ranking.left_out.older = 3;
  out.catalog = catalog;
  return out;
}

TEST(RankingText, SaysWhatBecameOfEveryModelOfTheCatalog) {
  const auto text = to_text(example(12), {});
  EXPECT_THAT(text, HasSubstr(": 2 of 12 models"));
  EXPECT_THAT(text, HasSubstr("\nLeft out: 2 ranked below, 5 too large, 3 of the same shapes as a "
                              "better one.\n"));
}

TEST(RankingText, NamesNothingBelowWhereAllAreShown) {
  EXPECT_THAT(to_text(example(10), {}), Not(HasSubstr("ranked below")));
  // A caller that does not say how large the catalog is.
  EXPECT_THAT(to_text(example(0), {}), Not(HasSubstr("ranked below")));
}

TEST(RankingText, SaysWhyNothingFits) {
  auto report = example(8);
  report.ranking.models.clear();
  EXPECT_THAT(
      to_text(report, {.width = 120}),
      HasSubstr("Nothing fits. Left out: 5 too large, 3 of the same shapes as a better one. "
                "Ask for less"));
}

}  // namespace
}  // namespace membudget::ranking_report_test
