// SPDX-License-Identifier: MIT
#include "membudget/units.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "ascii.hpp"
#include "support/refusal.hpp"

namespace membudget::units_test {
namespace {

using test::error_of;

TEST(Tokens, AreReadExactly) {
  EXPECT_EQ(parse_tokens("8192", "-c"), 8192);
  EXPECT_EQ(parse_tokens("8k", "-c"), 8192);
  EXPECT_EQ(parse_tokens("1.5K", "-c"), 1536);
  EXPECT_EQ(parse_tokens("99999999999999999", "-c"), 99999999999999999) << "beyond a double";
}

TEST(Tokens, AreRefusedInAnyOtherForm) {
  for (const char* text :
       {"", "0x", "-1", "1e9", "inf", "8 kk", "1.5", ".", "1234567890123456789"}) {
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

TEST(Sizes, WithoutAUnitMayBeTooSmallToBeMeant) {
  EXPECT_EQ(parse_size("4", "--reserve"), Bytes{4});
  EXPECT_EQ(parse_size("0", "--reserve", mib(1)), Bytes{});
  EXPECT_EQ(parse_size("4k", "--reserve", mib(1)), kib(4));
  EXPECT_EQ(parse_size("1048576", "--reserve", mib(1)), mib(1));
  EXPECT_EQ(error_of([] { return parse_size("4", "--reserve", mib(1)); }).where(), "--reserve");
}

TEST(Sizes, BeyondWhatBytesHoldAreRefused) {
  EXPECT_EQ(error_of([] { return parse_size("99999999TiB", "--reserve"); }).code(), Errc::overflow);
  EXPECT_EQ(error_of([] { return gib(8'000'000'000) + gib(8'000'000'000); }).code(),
            Errc::overflow);
}

TEST(Decimals, AreReadWithoutALocale) {
  EXPECT_EQ(decimal("12"), 12);
  EXPECT_EQ(decimal(".5"), 0.5);
  EXPECT_EQ(decimal("26.69"), 26.69);
  EXPECT_EQ(decimal("0.1000000000000000000000000000000000001"), 0.1);
  for (const char* text : {"", ".", "1,5", "1.2.3", "-1", "1e3", " 1", "0x1"}) {
    EXPECT_EQ(decimal(text), std::nullopt) << text;
  }
}

TEST(Errors, AreOneLineWhateverTheyName) {
  const Error error(Errc::io, "a\nb", "has \x1b[31mred\x7f and \xc3\xa9");
  EXPECT_STREQ(error.what(), "a\\x0ab: has \\x1b[31mred\\x7f and \xc3\xa9");
  EXPECT_EQ(error.where(), "a\nb") << "for programs, as it stands in the file";
}

TEST(Errors, AreALineThatPeopleRead) {
  const std::string two_bytes = "\xc3\xa9";
  std::string name = "x";
  while (name.size() < 4000) name += two_bytes;
  const std::string what = Error(Errc::io, "", name).what();
  EXPECT_EQ(what.size(), 1999U + 3) << "no half of a character";
  EXPECT_TRUE(what.ends_with(two_bytes + "...")) << what.substr(1990);
}

}  // namespace
}  // namespace membudget::units_test
