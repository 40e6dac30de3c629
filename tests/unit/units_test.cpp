// SPDX-License-Identifier: MIT
#include "membudget/units.hpp"

#include <gtest/gtest.h>

#include "support/refusal.hpp"

namespace membudget {
namespace {

using test::error_of;

TEST(Tokens, AreReadExactly) {
  EXPECT_EQ(parse_tokens("8192", "-c"), 8192);
  EXPECT_EQ(parse_tokens("8k", "-c"), 8192);
  EXPECT_EQ(parse_tokens("1.5K", "-c"), 1536);
  EXPECT_EQ(parse_tokens("99999999999999999", "-c"), 99999999999999999) << "beyond a double";
}

TEST(Tokens, AreRefusedInAnyOtherForm) {
  for (const char* text : {"", "0x", "-1", "1e9", "inf", "8 kk", "1.5", ".", "1234567890123456789"}) {
    EXPECT_EQ(error_of([&] { return parse_tokens(text, "--ctx-size"); }).code(), Errc::bad_request)
        << text;
  }
}

TEST(Sizes, TellBinaryFromDecimalUnits) {
  EXPECT_EQ(parse_size("4GiB", "--reserve"), gib(4));
  EXPECT_EQ(parse_size("4 g", "--reserve"), gib(4));
  EXPECT_EQ(parse_size("4GB", "--reserve"), Bytes{4'000'000'000});
  EXPECT_EQ(parse_size(".5MiB", "--reserve"), kib(512));
  EXPECT_EQ(parse_size("0", "--reserve"), Bytes{});
}

TEST(Sizes, BeyondWhatBytesHoldAreRefused) {
  EXPECT_EQ(error_of([] { return parse_size("99999999TiB", "--reserve"); }).code(), Errc::overflow);
  EXPECT_EQ(error_of([] { return gib(8'000'000'000) + gib(8'000'000'000); }).code(), Errc::overflow);
}

}  // namespace
}  // namespace membudget
