// SPDX-License-Identifier: MIT
// health, record, records and calibrate as a shell sees them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "golden/program.hpp"
#include "membudget/load_model.hpp"
#include "support/http_server.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class ProgramRecords : public ::testing::Test {
 protected:
  Printed run(const std::string& arguments, const std::string& input = "") const {
    return run_program(folder.path(), arguments, "", input);
  }
  [[nodiscard]] json plan(const std::string& more = "") {
    const Printed out =
        run("plan llama3.1:8b --chip m1-max-32gb -c 8k --quant Q4_K_M --json " + more);
    EXPECT_EQ(out.exit, 0) << out.errors;
    return json::parse(out.output);
  }
  static std::string faults(const json& document, const std::string& schema) {
    return schema_faults(
        document, std::filesystem::path(PROFILES_DIR) / "schema" / (schema + ".schema.json"));
  }
  [[nodiscard]] std::filesystem::path records() const {
    return folder.path() / "data/membudget/records.jsonl";
  }
  /// Records of `rate` times what is predicted.
  void record(double rate, int times) {
    for (int i = 0; i < times; ++i) {
      const Printed out =
          run(fmt::format("record llama3.1:8b --quant Q4_K_M --chip m1-max-32gb -c 8k --tps {} "
                          "--generated-tokens 128 --context-used 128 --prompt-tokens 0",
                          rate));
      ASSERT_EQ(out.exit, 0) << out.errors;
    }
  }

  ScratchFolder folder;
};

/// The objects of JSON Lines.
std::vector<json> lines_of(const std::string& text) {
  std::vector<json> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
  return out;
}

// ---- record, records, calibrate

TEST_F(ProgramRecords, AreKeptAndSummedUp) {
  const Printed kept = run(
      "record qwen2.5-coder:32b --quant Q4_K_M --chip m1-max-32gb --tps 11.5 --first-token-ms 640 "
      "--memory 19.5GiB --rating 4 --use-case coding --temperature 0.7 --top-p 0.9");
  EXPECT_EQ(kept.exit, 0) << kept.errors;
  EXPECT_EQ(kept.output, "");
  EXPECT_THAT(kept.errors, HasSubstr("1 record added to"));
  EXPECT_EQ(faults(json::parse(text_of(records())), "record"), "");
  run("record qwen2.5-coder:32b --quant Q4_K_M --chip m1-max-32gb --tps 12.5 --rating 5");
  const Printed summary = run("records");
  EXPECT_THAT(summary.output, HasSubstr("qwen2.5-coder:32b  Q4_K_M  m1-max-32gb        2"));
  EXPECT_THAT(summary.output, HasSubstr("12.0"));
  EXPECT_THAT(summary.output, Not(HasSubstr("prompt/s"))) << "nobody has such a figure";
  const json group = json::parse(run("records --json").output)["groups"][0];
  EXPECT_EQ(group["generation_tps"], 12.0);
  EXPECT_EQ(group["rating"], 4.5);
  EXPECT_THAT(lines_of(run("records --list --json").output), SizeIs(2));
  EXPECT_EQ(run("records none").output, "");
}

TEST_F(ProgramRecords, AnUnreadableLineIsToldAndTheOthersCount) {
  run("record a --tps 10");
  std::ofstream(records(), std::ios::app) << "{\"schema\": \"membudget.rec";
  run("record a --tps 20");
  const Printed summary = run("records --json");
  EXPECT_EQ(summary.exit, 0);
  EXPECT_EQ(json::parse(summary.output)["groups"][0]["records"], 2);
  EXPECT_EQ(json::parse(summary.output)["unreadable_lines"], 1);
  EXPECT_THAT(summary.errors, HasSubstr("records.jsonl:2: passed over"));
}

TEST_F(ProgramRecords, SlipsAreWrongUsage) {
  EXPECT_EQ(run("record a").exit, 2);
  EXPECT_EQ(run("record --tps 3").exit, 2);
  EXPECT_EQ(run("record a --tps 0").exit, 2);
  EXPECT_EQ(run("record a --tps 3 --rating 6").exit, 2);
  EXPECT_EQ(run("record a --tps 3 --chip m1-max-31gb").exit, 2);
  EXPECT_EQ(run("record a --tps 3 --cache-type q9").exit, 2);
  EXPECT_EQ(run("record import none.json").exit, 3);
  EXPECT_FALSE(std::filesystem::exists(records()));
  EXPECT_EQ(run("calibrate").exit, 1);
}

TEST_F(ProgramRecords, CalibratePlansOfTheirMacAndOfNoOther) {
  const json before = plan();
  const double predicted = before["speed"]["generation_tps"];
  record(0.9 * predicted, 5);
  const Printed calibrated = run("calibrate");
  ASSERT_EQ(calibrated.exit, 0) << calibrated.errors;
  EXPECT_THAT(calibrated.output, HasSubstr("generation  x0.900 +- 0.000 by 5 records"));
  const json after = plan();
  EXPECT_NEAR(after["speed"]["generation_tps"].get<double>(), 0.9 * predicted, 1e-3 * predicted);
  EXPECT_NEAR(after["speed"]["generation_tps_low"].get<double>(),
              0.9 * before["speed"]["generation_tps_low"].get<double>(), 1e-3 * predicted);
  EXPECT_EQ(after["speed"]["prompt_tps"], before["speed"]["prompt_tps"]);
  EXPECT_EQ(after["speed"]["calibration"]["generation_records"], 5);
  EXPECT_EQ(faults(after, "plan"), "");
  EXPECT_THAT(run("plan llama3.1:8b --chip m1-max-32gb -c 8k").output,
              HasSubstr("generation x0.90 by 5 records of this Mac"));
  EXPECT_EQ(plan("--no-calibration"), before);
  EXPECT_FALSE(
      json::parse(run("plan llama3.1:8b --chip m4-max-36gb -c 8k --json").output)["speed"].contains(
          "calibration"));
}

TEST_F(ProgramRecords, OverheadLeavesLessOfTheMachine) {
  const json before = plan();
  const std::int64_t total = before["memory"]["total_bytes"];
  for (int i = 0; i < 5; ++i) {
    run(fmt::format("record llama3.1:8b --quant Q4_K_M --chip m1-max-32gb -c 8k --memory {}",
                    total + 400'000'000));
  }
  ASSERT_EQ(run("calibrate").exit, 0);
  const json after = plan();
  EXPECT_EQ(after["budget"]["reserve_bytes"].get<std::int64_t>(),
            before["budget"]["reserve_bytes"].get<std::int64_t>() + 400'000'000);
  EXPECT_EQ(after["memory"], before["memory"]);
}

TEST_F(ProgramRecords, TooFewOfThemChangeNothing) {
  const json before = plan();
  record(20, 4);
  const Printed calibrated = run("calibrate");
  EXPECT_EQ(calibrated.exit, 1);
  EXPECT_THAT(calibrated.output, HasSubstr("4 records are too few; 5 are needed"));
  EXPECT_EQ(plan(), before);
  EXPECT_EQ(faults(json::parse(text_of(folder / "data/membudget/calibration.json")),
                   "calibration_result"),
            "");
}

TEST_F(ProgramRecords, ADamagedCalibrationIsToldAndPlansGoOn) {
  const json before = plan();
  std::filesystem::create_directories(folder / "data/membudget");
  std::ofstream(folder / "data/membudget/calibration.json") << "{";
  const Printed out = run("plan llama3.1:8b --chip m1-max-32gb -c 8k --quant Q4_K_M --json");
  EXPECT_EQ(out.exit, 0);
  EXPECT_EQ(json::parse(out.output), before);
  EXPECT_THAT(out.errors, HasSubstr("calibration.json"));
}

TEST_F(ProgramRecords, AreImportedFromALog) {
  std::ofstream(folder / "server.log")
      << "slot print_timing: id  0 | task 0 | prompt eval time =  1000.00 ms /   500 tokens (\n"
         "slot print_timing: id  0 | task 0 |        eval time =  4000.00 ms /   200 tokens (\n";
  const Printed missing = run("record import server.log");
  EXPECT_EQ(missing.exit, 3);
  EXPECT_THAT(missing.errors, HasSubstr("--model"));
  const Printed out = run("record import server.log --model llama3.1:8b --chip m1-max-32gb");
  EXPECT_EQ(out.exit, 0) << out.errors;
  const json line = json::parse(text_of(records()));
  EXPECT_EQ(line["generation_tps"], 50);
  EXPECT_EQ(line["prompt_tokens"], 500);
  EXPECT_EQ(line["chip"], "m1-max-32gb");
  const Printed dry =
      run("record import - --model a --dry-run", "eval time = 10.0 ms / 5 tokens\n");
  EXPECT_THAT(lines_of(dry.output), SizeIs(1));
  EXPECT_THAT(lines_of(text_of(records())), SizeIs(1));
}

// ---- health

TEST_F(ProgramRecords, HealthsExitCodeIsItsAdvice) {
  EXPECT_EQ(run("health --memory 0.7 --tps 10 --temperature 60").exit, 0);
  EXPECT_EQ(run("health --memory 91%").exit, 1);
  EXPECT_EQ(run("health --memory 0.4 --tps 40 --temperature 50").exit, 0);
  EXPECT_EQ(run("health --exit-code --memory 0.7 --tps 10").exit, 0);
  EXPECT_EQ(run("health --exit-code --memory 0.91").exit, 10);
  EXPECT_EQ(run("health --exit-code --memory 0.4 --tps 40 --temperature 50").exit, 11);
  EXPECT_EQ(run("health").exit, 2);
  EXPECT_EQ(run("health --memory 91").exit, 2);
  EXPECT_EQ(run("health --temperature warm").exit, 2);
  EXPECT_EQ(run("health --stdin").exit, 2);
  EXPECT_EQ(run("health --stdin", "{\"memory\": 2}").exit, 2);
}

TEST_F(ProgramRecords, HealthReadsSamplesAndSettlesInAWatch) {
  std::string noisy;
  for (int i = 0; i < 20; ++i) {
    noisy += fmt::format("{{\"memory\": {}, \"tps\": 10}}\n", i % 2 == 0 ? 0.86 : 0.84);
  }
  const auto alone = lines_of(run("health - --json", noisy).output);
  ASSERT_THAT(alone, SizeIs(20));
  EXPECT_EQ(alone[0]["advice"], "downgrade");
  EXPECT_EQ(alone[1]["advice"], "keep");
  for (const json& line : alone) EXPECT_EQ(faults(line, "health_advice"), "");
  for (const json& line : lines_of(run("health --stdin --watch --json", noisy).output)) {
    EXPECT_EQ(line["advice"], "keep");
  }
  const std::string bad = "{\"memory\": 0.9}\n{\"memory\": 0.9}\n{\"memory\": 0.9}\n";
  EXPECT_EQ(run("health --stdin --watch", bad).exit, 1);
}

TEST_F(ProgramRecords, HealthNamesWhatToGoTo) {
  const auto go_to = [&](const std::string& arguments) {
    const auto lines = lines_of(run("health --json --chip m1-max-32gb " + arguments).output);
    EXPECT_THAT(lines, SizeIs(1));
    EXPECT_EQ(faults(lines[0], "health_advice"), "");
    return lines[0];
  };
  const json tight = go_to("--model qwen2.5-coder:32b -c 8k --memory 0.91 --fallback phi3:mini");
  ASSERT_TRUE(tight.contains("go_to"));
  for (const json& option : tight["go_to"]) {
    if (option.value("fallback", false)) continue;
    EXPECT_EQ(option["verdict"], "comfortable");
  }
  EXPECT_TRUE(tight["go_to"].back()["fallback"].get<bool>());
  // The catalog names no other of its family: the notes say so.
  const json slow = go_to("--model seed-oss-36b --quant Q2_K -c 4k --tps 3");
  EXPECT_FALSE(slow.contains("go_to")) << slow;
  EXPECT_FALSE(slow["notes"].empty());
  const json room = go_to("--model qwen2.5:7b -c 8k --memory 0.4 --tps 50 --temperature 50");
  ASSERT_EQ(room["advice"], "upgrade");
  ASSERT_TRUE(room.contains("go_to"));
  for (const json& option : room["go_to"]) {
    EXPECT_GE(option["generation_tps"].get<double>(), 5.5);
    EXPECT_EQ(option["verdict"], "comfortable");
  }
  EXPECT_FALSE(go_to("--model qwen2.5:7b --memory 0.7 --tps 10").contains("go_to"));
}

TEST_F(ProgramRecords, HealthAsksAServer) {
  if (!reads_over_network()) GTEST_SKIP() << "built without libcurl";
  HttpServer server;
  server.serve_text("/metrics",
                    "llamacpp:tokens_predicted_total 300\nllamacpp:tokens_predicted_seconds_total "
                    "100\nllamacpp:requests_processing 0\n");
  server.serve_text("/slots", R"([{"id":0,"n_ctx":4096,"is_processing":false}])");
  const Printed out = run("health --json --memory 0.5 --url " + server.url());
  EXPECT_EQ(out.exit, 1) << out.errors;
  const json line = json::parse(out.output);
  EXPECT_EQ(line["measured"]["generation_tps"], 3);
  EXPECT_EQ(line["server"]["name"], "llama-server");
  EXPECT_EQ(line["reasons"][0], "generation: 3 tokens/s is below 5 tokens/s");
  EXPECT_EQ(faults(line, "health_advice"), "");
  const Printed watched =
      run("health --json --watch --interval 0.1 --count 3 --memory 0.5 --url " + server.url());
  EXPECT_THAT(lines_of(watched.output), SizeIs(3));
  EXPECT_EQ(run("health --url ftp://x").exit, 2);
  EXPECT_EQ(run("health --url 127.0.0.1:1").exit, 4);
}

}  // namespace
}  // namespace membudget::test
