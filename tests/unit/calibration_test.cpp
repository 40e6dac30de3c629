// SPDX-License-Identifier: MIT
#include "membudget/calibration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "support/refusal.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::calibration_test {
namespace {

using test::error_of;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = CalibrationSample::Kind;

CalibrationRules rules() {
  return Profiles::embedded().calibration_rules();
}

std::vector<CalibrationSample> samples(Kind kind, const std::vector<double>& ratios,
                                       const std::string& chip = "m1-max-32gb") {
  std::vector<CalibrationSample> out;
  double predicted = 10;
  for (const double ratio : ratios) {
    predicted += 7;  // Of different models.
    out.push_back({chip, "llama.cpp", kind, ratio * predicted, predicted});
  }
  return out;
}

TEST(Calibration, IsTheMedianRatioWhateverSomeRecordsSay) {
  const auto calibration =
      calibrate(samples(Kind::generation, {0.92, 0.93, 0.94, 0.93, 0.05, 9}), rules());
  const EngineCalibration* engine = calibration.of("m1-max-32gb", "llama.cpp");
  ASSERT_NE(engine, nullptr);
  EXPECT_NEAR(engine->generation.middle, 0.93, 1e-12);
  EXPECT_EQ(engine->generation.records, 6);
  EXPECT_NEAR(engine->generation.spread, 0.01, 1e-12);
  EXPECT_TRUE(engine->generation.applied);
  const auto speed = speed_calibration(*engine);
  ASSERT_TRUE(speed.has_value());
  EXPECT_NEAR(speed->generation, 0.93, 1e-12);
  EXPECT_EQ(speed->generation_records, 6);
  EXPECT_EQ(speed->prompt, 1);
  EXPECT_EQ(speed->prompt_records, 0);
}

TEST(Calibration, SaysWhenThereAreTooFewRecords) {
  const auto calibration = calibrate(samples(Kind::prompt, {1.1, 1.1}), rules());
  const EngineCalibration* engine = calibration.of("m1-max-32gb", "llama.cpp");
  ASSERT_NE(engine, nullptr);
  EXPECT_FALSE(engine->prompt.applied);
  EXPECT_EQ(engine->prompt.why_not, "2 records are too few; 5 are needed");
  EXPECT_FALSE(speed_calibration(*engine).has_value());
}

TEST(Calibration, DoesNotTakeOtherTroubleForTheMac) {
  for (const double ratio : {0.1, 3.0}) {
    const auto calibration =
        calibrate(samples(Kind::generation, {ratio, ratio, ratio, ratio, ratio}), rules());
    EXPECT_FALSE(calibration.engines[0].generation.applied);
    EXPECT_THAT(calibration.engines[0].generation.why_not, HasSubstr("something else"));
  }
}

TEST(Calibration, KeepsMacsApart) {
  auto all = samples(Kind::generation, {0.9, 0.9, 0.9, 0.9, 0.9});
  const auto more = samples(Kind::generation, {1.1, 1.1, 1.1, 1.1, 1.1}, "m4-max-36gb");
  all.insert(all.end(), more.begin(), more.end());
  const auto calibration = calibrate(all, rules());
  ASSERT_THAT(calibration.engines, SizeIs(2));
  EXPECT_NEAR(calibration.of("m1-max-32gb", "llama.cpp")->generation.middle, 0.9, 1e-12);
  EXPECT_NEAR(calibration.of("m4-max-36gb", "llama.cpp")->generation.middle, 1.1, 1e-12);
  EXPECT_EQ(calibration.of("m1-16gb", "llama.cpp"), nullptr);
}

TEST(Calibration, OverheadIsWhatIsTakenBeyondThePlanAndNeverLess) {
  std::vector<CalibrationSample> more;
  std::vector<CalibrationSample> less;
  for (int i = 0; i < 5; ++i) {
    more.push_back({"m1-16gb", "llama.cpp", Kind::memory, 8.3e9 + i, 8e9});
    less.push_back({"m1-16gb", "llama.cpp", Kind::memory, 7.9e9, 8e9});
  }
  const auto taken = calibrate(more, rules()).engines[0].memory;
  EXPECT_TRUE(taken.applied);
  EXPECT_NEAR(taken.middle, 3e8, 10);
  const auto saved = calibrate(less, rules()).engines[0].memory;
  EXPECT_FALSE(saved.applied);
  EXPECT_THAT(saved.why_not, HasSubstr("no more than is predicted"));
  for (auto& sample : more) sample.measured = 16e9;
  EXPECT_FALSE(calibrate(more, rules()).engines[0].memory.applied);
}

Calibration some() {
  Calibration out = calibrate(samples(Kind::generation, {0.9, 0.9, 0.9, 0.9, 0.9}), rules());
  out.time = "2026-01-31T12:00:00Z";
  return out;
}

TEST(CalibrationFile, IsReadAsItWasKept) {
  const test::ScratchFolder folder;
  const auto file = folder / "deep/calibration.json";
  EXPECT_FALSE(load_calibration(file).has_value());
  save_calibration(some(), file);
  const auto read = load_calibration(file);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_json(*read), to_json(some()));
  EXPECT_EQ(test::schema_faults(
                nlohmann::json::parse(to_json(*read)),
                std::filesystem::path(PROFILES_DIR) / "schema/calibration_result.schema.json"),
            "");
}

TEST(CalibrationFile, IsRefusedWhereItIsNoCalibration) {
  const auto refused = [](std::string text) {
    return error_of([&] { return read_calibration(text, "c.json"); });
  };
  const std::string good = to_json(some());
  const auto with = [&](const std::string& piece, const std::string& instead) {
    std::string out = good;
    const auto at = out.find(piece);
    EXPECT_NE(at, std::string::npos) << piece;
    return out.replace(at, piece.size(), instead);
  };
  for (const auto& text :
       {std::string("{"), std::string("[]"), with("_result/1", "_result/2"),
        with("\"factor\": 0.9", "\"factor\": -1"), with("\"factor\": 0.9", "\"factor\": \"a\""),
        with("\"records\": 5", "\"records\": 0"), with("\"applied\": true", "\"applied\": 1"),
        with("\"chip\": \"m1-max-32gb\",", "")}) {
    const Error error = refused(text);
    EXPECT_EQ(error.code(), Errc::invalid_profile) << text;
    EXPECT_THAT(error.what(), HasSubstr("run membudget calibrate again"));
  }
}

/// Another value of a variable for as long as it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(DataFolder, FollowsTheEnvironment) {
  const Variable home("HOME", "/home/me");
  {
    const Variable xdg("XDG_DATA_HOME", "/data");
    EXPECT_EQ(data_folder(), "/data/membudget");
  }
  {
    const Variable xdg("XDG_DATA_HOME", "relative");
    EXPECT_THAT(data_folder().string(), testing::StartsWith("/home/me/"));
  }
  const Variable xdg("XDG_DATA_HOME", nullptr);
  EXPECT_THAT(data_folder().string(), testing::StartsWith("/home/me/"));
  const Variable none("HOME", nullptr);
  EXPECT_THAT(data_folder().string(), IsEmpty());
}

}  // namespace
}  // namespace membudget::calibration_test
