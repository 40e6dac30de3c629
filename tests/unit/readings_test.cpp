// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "membudget/budget.hpp"
#include "membudget/error.hpp"
#include "membudget/host_readings.hpp"
#include "membudget/machine_report.hpp"
#include "membudget/profiles.hpp"
#include "support/machines.hpp"
#include "support/refusal.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::readings_test {
namespace {

using nlohmann::json;
using test::error_of;
using test::expect_refusal;

std::string faults_by(const std::string& schema, const std::string& text) {
  return test::schema_faults(json::parse(text), std::filesystem::path(PROFILES_DIR) / "schema" /
                                                    (schema + ".schema.json"));
}

TEST(Readings, ComeBackAsTheyWereRecorded) {
  for (const std::string& name : test::machine_names()) {
    const HostReadings readings = test::machine_readings(name);
    const std::string text = to_json(readings);
    EXPECT_EQ(json::parse(text), json::parse(test::machine_text(name))) << name;
    EXPECT_EQ(to_json(parse_readings(text, "again.json")), text) << name;
    EXPECT_EQ(faults_by("readings", text), "") << name;
  }
}

TEST(Readings, OfThisHostFollowTheSchema) {
  const HostReadings readings = read_host();
  const std::string text = to_json(readings);
  EXPECT_EQ(faults_by("readings", text), "");
  EXPECT_EQ(to_json(parse_readings(text, "here.json")), text);
}

TEST(Readings, SayWhatIsWrongAndWhere) {
  const auto refused = [](const char* from, const char* to, const char* where, const char* words) {
    std::string text = test::machine_text("m1-16gb-macos-15");
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, std::string_view(from).size(), to);
    expect_refusal(error_of([&] { return parse_readings(text, "mac.json"); }),
                   Errc::invalid_profile, where, words);
  };
  refused("readings/1", "readings/2", "mac.json#/schema", "must be 'membudget.readings/1'");
  refused("\"macos\"", "\"windows\"", "mac.json#/system", "none of: macos, linux, other");
  refused("\"page_bytes\": 16384", "\"page_bytes\": -1", "mac.json#/pages/page_bytes",
          "at least 0");
  refused("\"hw.memsize\": 17179869184", "\"hw.memsize\": 9223372036854775807",
          "mac.json#/sysctl/hw.memsize", "more than any machine has");
  refused("\"hw.physicalcpu\": 8", "\"hw.physicalcpu\": [8]", "mac.json#/sysctl/hw.physicalcpu",
          "whole number");
  refused("\"swap\"", "\"swop\"", "mac.json#/swop", "did you mean 'swap'");
  expect_refusal(error_of([] { return parse_readings("", "mac.json"); }), Errc::invalid_profile,
                 "mac.json:1:1", "");
}

TEST(DetectJson, FollowsTheSchemaForEveryRecording) {
  const Profiles profiles = Profiles::embedded();
  for (const std::string& name : test::machine_names()) {
    const ThisMachine host = profiles.this_machine(test::machine_readings(name));
    const auto usual = budget(host.machine, profiles.runtime("llama.cpp"));
    EXPECT_EQ(faults_by("detect", to_json(host, usual)), "") << name;
    EXPECT_EQ(faults_by("detect", to_json(host, std::nullopt)), "") << name;
  }
}

TEST(DetectText, ShowsNoControlCharactersOfAStranger) {
  const Profiles profiles = Profiles::embedded();
  HostReadings readings = test::machine_readings("m7-pro-48gb-unknown");
  readings.texts["machdep.cpu.brand_string"] = "Apple M7 \x1b[31mPro\nDone";
  readings.processes = {{"evil\x1b[2J", gib(1)}};
  const ThisMachine host = profiles.this_machine(readings);
  const std::string text =
      to_text(host, budget(host.machine, profiles.runtime("llama.cpp")), TextStyle{});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace membudget::readings_test
