// SPDX-License-Identifier: MIT
// What the program prints for programs, against the schemas that it publishes. The golden outputs
// are held to them too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "golden/program.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const auto schemas = std::filesystem::path(PROFILES_DIR) / "schema";

/// What the program prints, and that it follows its schema.
class ProgramSchemas : public ::testing::Test {
 protected:
  [[nodiscard]] json answer(const std::string& arguments, int exit = 0) const {
    const Printed out = run_program(folder.path(), arguments + " --json");
    EXPECT_EQ(out.exit, exit) << arguments << '\n' << out.errors;
    auto document = json::parse(out.output, nullptr, false);
    if (document.is_discarded()) {
      ADD_FAILURE() << arguments << " prints no JSON: " << out.output;
      return json::object();
    }
    EXPECT_EQ(own_schema_faults(document, schemas), "") << arguments;
    return document;
  }

  ScratchFolder folder;
};

TEST_F(ProgramSchemas, RankingsFollowTheirs) {
  const json ranking = answer("recommend --task coding --chip m1-max-32gb");
  EXPECT_EQ(ranking["schema"], "membudget.ranking/1");
  ASSERT_THAT(ranking["models"], SizeIs(10));
  for (std::size_t i = 1; i < ranking["models"].size(); ++i) {
    EXPECT_GE(ranking["models"][i - 1]["score"], ranking["models"][i]["score"]);
  }
  const std::string first = ranking["models"][0]["id"];
  EXPECT_THAT(ranking["why"].get<std::string>(), HasSubstr(first + " is first"));
  // The same that people are shown.
  const Printed text = run_program(folder.path(), "recommend --task coding --chip m1-max-32gb");
  for (const json& model : ranking["models"]) {
    EXPECT_THAT(text.output, HasSubstr(model["id"].get<std::string>()));
  }
  for (const std::string task :
       {"chat", "reasoning", "math", "writing", "rag", "agent", "vision", "embedding"}) {
    EXPECT_EQ(answer("recommend --chip m1-16gb --task " + task)["task"], task);
  }
  EXPECT_TRUE(
      answer("recommend --quality maximum --chip m4-max-36gb").contains("documents_choose"));
}

TEST_F(ProgramSchemas, ARankingOfNothingSaysWhatIsLeftOut) {
  const json ranking = answer("recommend --task coding --chip m1-8gb -c 1m", 1);
  EXPECT_THAT(ranking["models"], IsEmpty());
  EXPECT_GT(ranking["left_out"]["short_context"], 0);
}

TEST_F(ProgramSchemas, ComparisonsHoldPlans) {
  const json compared = answer("compare qwen3:8b --chip m1-16gb,m4-max-36gb -c 8k");
  ASSERT_THAT(compared["plans"], SizeIs(2));
  EXPECT_EQ(compared["plans"][1]["machine"]["chip"], "m4-max-36gb");
}

TEST_F(ProgramSchemas, InspectionsOfEveryKindOfModelFollowTheirs) {
  for (const char* model : {"qwen3:8b --quant 4bit", "gemma3:12b", "deepseek-v2:16b",
                            "nomic-embed-text", "falcon-h1-7b", "gpt-oss:20b"}) {
    const json inspected = answer(std::string("inspect ") + model);
    std::int64_t layers = 0;
    for (const json& kind : inspected["layer_kinds"]) layers += kind["count"].get<std::int64_t>();
    EXPECT_EQ(layers, inspected["layers"]) << model;
  }
}

TEST_F(ProgramSchemas, ListsHoldProfilesThatShowShowsWithMore) {
  for (const std::string kind : {"chips", "models", "quants", "runtimes", "stacks"}) {
    const json list = answer("list " + kind);
    ASSERT_THAT(list["profiles"], Not(IsEmpty()));
    const json& first = list["profiles"][0];
    const json shown = answer("show " + kind + " " + in_shell(first["id"].get<std::string>()));
    for (const auto& [key, value] : first.items()) EXPECT_EQ(shown[key], value) << key;
  }
}

TEST_F(ProgramSchemas, ChecksFollowTheirs) {
  const auto good = std::filesystem::path(PROFILES_DIR) / "chips/m1-16gb.json";
  EXPECT_THAT(answer("check " + in_shell(good.string()))["faults"], IsEmpty());
  std::ofstream(folder / "mine.json") << "{\"schema\": \"membudget.chip/1\", \"id\": 3}";
  EXPECT_THAT(answer("check mine.json", 1)["faults"], Not(IsEmpty()));
}

TEST_F(ProgramSchemas, SummariesOfRecordsFollowTheirs) {
  EXPECT_THAT(answer("records")["groups"], IsEmpty());
  const Printed kept = run_program(
      folder.path(),
      "record llama3.1:8b --chip m1-max-32gb --tps 40 --prompt-tps 300 --first-token-ms 900 "
      "--memory 9GiB --rating 4");
  ASSERT_EQ(kept.exit, 0) << kept.errors;
  const json groups = answer("records")["groups"];
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_EQ(groups[0]["generation_tps"], 40.0);
}

TEST_F(ProgramSchemas, ErrorsFollowTheirsWhateverTheCommand) {
  EXPECT_EQ(answer("plan", 2)["error"]["code"], "bad_request");
  EXPECT_EQ(answer("plan no-such-model-at-all --chip m1-16gb", 3)["error"]["code"], "unknown_name");
  EXPECT_EQ(answer("inspect ./nowhere.gguf", 3)["error"]["code"], "io");
  EXPECT_EQ(answer("check nowhere", 3)["error"]["code"], "io");
  EXPECT_EQ(answer("verify nowhere.log", 3)["error"]["code"], "io");
}

}  // namespace
}  // namespace membudget::test
