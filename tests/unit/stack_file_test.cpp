// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "profiles/decode.hpp"

namespace membudget::stack_file_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> faults_of(const std::string& text) {
  Faults faults("desk.json", text);
  static_cast<void>(decode_stack(faults));
  std::vector<std::string> out;
  for (const ProfileFault& fault : faults.located()) {
    out.push_back(std::to_string(fault.line) + ":" + std::to_string(fault.column) + " " +
                  fault.pointer + ": " + fault.problem);
  }
  return out;
}

TEST(StackFile, TellsEveryFaultWithItsPlaceAndWhatWouldBeRight) {
  const auto faults = faults_of(R"({
  "schema": "membudget.stack/1",
  "id": "desk",
  "name": "Desk",
  "members": [
    {"model": "qwen2.5:7b", "parallel": 300, "load": "sometimes"},
    {"model": "qwen2.5:7b", "count": 0, "kontext": 1},
    {"name": "c", "model": "qwen2.5:3b", "count": 2, "load": "on-demand"}
  ],
  "servers": [{"runtime": "ollama", "max_loaded": 0}],
  "requests": [
    {"at_s": -1, "member": "qwen2.5:7", "prompt_tokens": 5, "generate_tokens": 1},
    {"member": "c", "prompt_tokens": 5, "generate_tokens": 1, "times": 99999999}
  ],
  "claims": [{"says": "small", "bytes": 1, "members": ["d"], "why": "", "source": "me"}],
  "sources": ["me"]
}
)");
  EXPECT_THAT(
      faults,
      ElementsAre(
          HasSubstr("6:41 /members/0/parallel: must be at most 256, not 300"),
          HasSubstr("6:54 /members/0/load: "),
          HasSubstr("7:5 /members/1: 'qwen2.5:7b' is already the name of member 1; give one"),
          HasSubstr("7:38 /members/1/count: must be a whole number of at least 1"),
          HasSubstr("/members/1/kontext: unknown key; did you mean 'context'?"),
          HasSubstr("8:51 /members/2/count: several processes are not loaded on demand"),
          HasSubstr("/servers/0/max_loaded: must be a whole number of at least 1"),
          HasSubstr("/requests/0/at_s: must be a number from 0"),
          HasSubstr(
              "/requests/0/member: no member is called 'qwen2.5:7'; did you mean 'qwen2.5:7b'?"),
          HasSubstr("/requests/1/times: must be at most 100000"),
          HasSubstr("/claims/0/members/0: no member is called 'd'"), HasSubstr("/claims/0/why: ")));
}

TEST(StackFile, HoldsAtLeastOneModel) {
  EXPECT_THAT(faults_of(R"({"schema": "membudget.stack/1", "id": "desk", "name": "Desk",
                            "members": [], "sources": ["me"]})"),
              ElementsAre(HasSubstr("/members: is empty; a stack holds at least one model")));
}

}  // namespace
}  // namespace membudget::stack_file_test
