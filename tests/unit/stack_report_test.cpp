// SPDX-License-Identifier: MIT
#include "membudget/stack_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace membudget::stack_report_test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A stack of one model with one step that takes it from one verdict to another, made by hand.
std::string text_of(Verdict now, Verdict then) {
  StackReport report;
  StackMember member;
  member.name = "coder";
  member.model = std::make_shared<const Model>();
  report.stack.members.push_back(member);
  report.plan.members.resize(1);
  report.plan.peak.verdict = now;
  StackStep step;
  step.change = {.lever = Lever::context, .from = "8192", .to = "4096", .saves = mib(1)};
  step.plan.verdict = then;
  report.ladder.together.push_back(step);
  return to_text(report, {.bar = false});
}

TEST(StackText, HeadsTheStepsByWhatTheyReach) {
  EXPECT_THAT(text_of(Verdict::crawls, Verdict::comfortable),
              HasSubstr("\nWhat to shrink so that it fits\n"));
  EXPECT_THAT(text_of(Verdict::does_not_fit, Verdict::tight),
              HasSubstr("\nWhat to shrink so that it fits\n"));
  EXPECT_THAT(text_of(Verdict::does_not_fit, Verdict::crawls),
              HasSubstr("\nWhat helps, but not enough\n"));
}

TEST(StackText, DoesNotMakeFitWhatFitsAlready) {
  EXPECT_THAT(text_of(Verdict::tight, Verdict::comfortable),
              HasSubstr("\nWhat to shrink so that it fits comfortably\n"));
  EXPECT_THAT(text_of(Verdict::tight, Verdict::tight), Not(HasSubstr("so that it fits")));
}

}  // namespace
}  // namespace membudget::stack_report_test
