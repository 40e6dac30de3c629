// SPDX-License-Identifier: MIT
#include "membudget/record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/refusal.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::record_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

Record whole_record() {
  Record out;
  out.time = "2026-01-31T12:00:00Z";
  out.model = "qwen2.5-coder:32b";
  out.quantization = "Q4_K_M";
  out.runtime = "llama.cpp";
  out.version = "b10488";
  out.chip = "m1-max-32gb";
  out.macos = "26";
  out.context = 8192;
  out.batch = 2048;
  out.ubatch = 512;
  out.parallel = 1;
  out.gpu_layers = -1;
  out.cache_type_k = "q8_0";
  out.cache_type_v = "f16";
  out.flash_attention = true;
  out.draft = true;
  out.memory = Bytes(19'800'000'000);
  out.generation_tps = 11.25;
  out.prompt_tps = 120.5;
  out.first_token_ms = 640;
  out.context_used = 3100;
  out.prompt_tokens = 2900;
  out.generated_tokens = 200;
  out.temperature = 0.7;
  out.top_p = 0.9;
  out.use_case = "coding, \"with quotes\"";
  out.rating = 4;
  out.note = "two\nlines and an \xE2\x82\xAC";
  out.source = "Ollama";
  return out;
}

TEST(Record, IsReadAsItWasWritten) {
  const std::string line = to_json_line(whole_record());
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const Record read = read_record(line, "records.jsonl");
  EXPECT_EQ(to_json_line(read), line);
  EXPECT_EQ(read.note, "two\nlines and an \xE2\x82\xAC");
  EXPECT_EQ(read.memory, Bytes(19'800'000'000));
  EXPECT_TRUE(read.draft);
}

TEST(Record, FollowsItsSchema) {
  const auto schema = std::filesystem::path(PROFILES_DIR) / "schema" / "record.schema.json";
  EXPECT_EQ(test::schema_faults(nlohmann::json::parse(to_json_line(whole_record())), schema), "");
  Record least;
  least.model = "x";
  EXPECT_EQ(test::schema_faults(nlohmann::json::parse(to_json_line(least)), schema), "");
}

TEST(Record, BrokenNamesStillMakeOneValidLine) {
  Record record;
  record.model = "model\xFF.gguf";
  const Record read = read_record(to_json_line(record), "x");
  EXPECT_EQ(read.model, "model\xEF\xBF\xBD.gguf");
}

TEST(Record, MembersOfNewerProgramsArePassedOver) {
  const Record read = read_record(
      R"({"schema": "membudget.record/1", "model": "a", "watts": 30, "settings": {"mlock": true}})",
      "x");
  EXPECT_EQ(read.model, "a");
}

TEST(Record, SaysWhichMemberIsWrong) {
  const auto refused = [](const std::string& members) {
    return error_of([&] {
      return read_record(R"({"schema": "membudget.record/1", "model": "a", )" + members + "}", "f");
    });
  };
  constexpr auto code = Errc::invalid_profile;
  expect_refusal(refused(R"("generation_tps": 0)"), code, "f#/generation_tps", "above 0");
  expect_refusal(refused(R"("generation_tps": "9")"), code, "f#/generation_tps", "number");
  expect_refusal(refused(R"("rating": 6)"), code, "f#/rating", "from 1 to 5");
  expect_refusal(refused(R"("memory_bytes": 18446744073709551615)"), code, "f#/memory_bytes",
                 "whole number");
  expect_refusal(refused(R"("settings": 3)"), code, "f#/settings", "object");
  expect_refusal(refused(R"("settings": {"context": -1})"), code, "f#/settings/context",
                 "from 1 to");
  expect_refusal(error_of([] { return read_record("{\"schema\": \"membudget.record/2\"}", "f"); }),
                 code, "f#/schema", "newer program");
  expect_refusal(error_of([] { return read_record("[1]", "f"); }), code, "f",
                 "not one JSON object");
  expect_refusal(error_of([] { return read_record("{\"schema\": \"membudget.record/1\"}", "f"); }),
                 code, "f#/model", "missing");
}

TEST(Median, IsTheMiddle) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 3}), 3);
  EXPECT_EQ(median({9, 1, 3, 5}), 4);
}

TEST(RecordSummary, GroupsByModelQuantizationAndMac) {
  std::vector<Record> records(4, whole_record());
  records[1].generation_tps = 20;
  records[2].generation_tps = 30;
  records[2].rating = 1;
  records[2].time = "2026-02-01T00:00:00Z";
  records[3].chip = "m4-max-36gb";
  records[3].generation_tps.reset();
  const auto groups = summarize(records);
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_EQ(groups[0].chip, "m1-max-32gb");
  EXPECT_EQ(groups[0].records, 3);
  EXPECT_EQ(groups[0].generation_tps, 20);
  EXPECT_EQ(groups[0].rating, 3);
  EXPECT_EQ(groups[0].memory, Bytes(19'800'000'000));
  EXPECT_EQ(groups[0].last, "2026-02-01T00:00:00Z");
  EXPECT_FALSE(groups[1].generation_tps.has_value());
}

}  // namespace
}  // namespace membudget::record_test
