// SPDX-License-Identifier: MIT
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "membudget/error.hpp"

namespace membudget::test {

/// The Error that `action` throws; a failed test when it throws none.
template <class Action>
[[nodiscard]] Error error_of(const Action& action) {
  try {
    static_cast<void>(action());
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Errc::io, "", ""};
}

/// What makes a refusal useful: the right kind, the right place, and words on one line.
inline void expect_refusal(const Error& error, Errc code, std::string_view where,
                           std::string_view words) {
  EXPECT_EQ(error.code(), code) << error.what();
  EXPECT_EQ(error.where(), where) << error.what();
  EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr(std::string(words)),
                                             ::testing::Not(::testing::HasSubstr("\n"))));
}

}  // namespace membudget::test
