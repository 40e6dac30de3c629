// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "membudget/error.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
#include "support/refusal.hpp"

namespace membudget::decode_chip_test {
namespace {

using test::error_of;
using test::expect_refusal;
using ::testing::ElementsAre;

/// The M4 Max with 36 GB, one piece replaced.
std::string changed(std::string_view piece, std::string_view instead) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.path == "chips/m4-max-36gb.json") {
      std::string text(file.text);
      const auto at = text.find(piece);
      EXPECT_NE(at, std::string::npos) << piece;
      return at == std::string::npos ? text : text.replace(at, piece.size(), instead);
    }
  }
  ADD_FAILURE() << "not embedded";
  return {};
}

TEST(ChipDecoder, RefusesANameThatSaysSomethingElse) {
  const std::string file = "chips/m4-max-36gb.json";
  const auto refusal = [&](std::string_view piece, std::string_view instead) {
    return error_of([&] { return decode(decode_chip, file, changed(piece, instead)); });
  };
  expect_refusal(
      refusal("\"ram_gib\": 36", "\"ram_gib\": 48"), Errc::invalid_profile, file + "#/id",
      "'m4-max-36gb' says 36 GiB of RAM, but ram_gib is 48; correct the one that is wrong");
  expect_refusal(refusal("Apple M4 Max", "Apple M4 Pro"), Errc::invalid_profile, file + "#/id",
                 "says m4-max, but the chip's name is 'Apple M4 Pro'; ids of it begin with "
                 "'m4-pro-'");
  expect_refusal(refusal("\"gpu_cores\": 32", "\"gpu_cores\": 40"), Errc::invalid_profile,
                 file + "#/aliases/0", "'m4-max-32c-36gb' says 32 GPU cores, but gpu_cores is 40");
  expect_refusal(refusal("m4-max-32c-36gb", "M4-Max-12cpu-32c-36gb"), Errc::invalid_profile,
                 file + "#/aliases/0", "says 12 CPU cores, but cpu_cores is 14");
  expect_refusal(refusal("m4-max-32c-36gb", "m4-pro-36gb"), Errc::invalid_profile,
                 file + "#/aliases/0", "says m4-pro");
}

TEST(ChipDecoder, SaysOnceThatAFigureContradictsTheNames) {
  const std::string text = changed("\"ram_gib\": 36", "\"ram_gib\": 48");
  Faults faults("chips/m4-max-36gb.json", text);
  static_cast<void>(decode_chip(faults));
  EXPECT_EQ(faults.size(), 1U) << "id and alias are wrong for one reason";
  // A figure that cannot be read says nothing about the names.
  const std::string unread = changed("\"ram_gib\": 36", "\"ram_gib\": \"36 GB\"");
  Faults other("chips/m4-max-36gb.json", unread);
  static_cast<void>(decode_chip(other));
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(other.located().front().pointer, "/ram_gib");
}

TEST(ChipDecoder, LetsUsersNameTheirMacsFreely) {
  for (const std::string_view alias :
       {"office", "office-max", "studio-36gb", "mx", "gb", "c-36gb", "my-m4-max", "32c-36gb"}) {
    EXPECT_THAT(
        decode(decode_chip, "chips/m4-max-36gb.json", changed("m4-max-32c-36gb", alias)).aliases,
        ElementsAre(alias));
  }
  EXPECT_EQ(error_of([] {
              return decode(decode_chip, "chips/m4-max-36gb.json",
                            changed("m4-max-32c-36gb", "m5"));
            }).code(),
            Errc::invalid_profile);
}

TEST(ChipDecoder, WantsASourceForEachFigureOfTheGpu) {
  const std::string file = "chips/m4-max-36gb.json";
  const auto refusal = [&](std::string_view piece, std::string_view instead) {
    return error_of([&] { return decode(decode_chip, file, changed(piece, instead)); });
  };
  expect_refusal(refusal("\"gpu_clock\": \"a community figure, not Apple's; from memory\",", ""),
                 Errc::invalid_profile, file + "#/sources", "key 'gpu_clock' is missing");
  expect_refusal(refusal("\"gpu_clock_ghz\": 1.578", "\"gpu_clock_ghz\": 1578"),
                 Errc::invalid_profile, file + "#/gpu_clock_ghz", "the unit is GHz");
}

}  // namespace
}  // namespace membudget::decode_chip_test
