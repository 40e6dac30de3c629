// SPDX-License-Identifier: MIT
#include "membudget/request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "membudget/profile_list.hpp"
#include "membudget/report.hpp"

namespace membudget::request_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a text is refused with; fails the test when it is not.
struct RequestRefusal {
  Errc code = Errc::io;
  std::string where;
  std::string message;
};

RequestRefusal refused_request(const std::string& json) {
  try {
    static_cast<void>(plan_request(json));
  } catch (const RequestError& error) {
    return {error.code(), error.where(), error.what()};
  }
  ADD_FAILURE() << "not refused: " << json.substr(0, 200);
  return {};
}

RequestRefusal refused_plan(const PlanRequest& request) {
  try {
    static_cast<void>(plan_report(request, Profiles::embedded()));
  } catch (const Error& error) {
    return {error.code(), in_json_request(error).where(), error.what()};
  }
  ADD_FAILURE() << "not refused";
  return {};
}

TEST(Request, TakesTextNumbersFlagsAndLists) {
  const auto request = plan_request(R"({
    "model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": 8192, "gpu-layers": -1,
    "kv-unified": true, "swa-full": false, "flash-attn": "on", "quant": null,
    "override-tensor": ["a=CPU", "b=MTL0"]})");
  EXPECT_EQ(request.model, "qwen2.5-coder:32b");
  EXPECT_EQ(request.context, "8192");
  EXPECT_EQ(request.gpu_layers, "-1");
  EXPECT_TRUE(request.kv_unified);
  EXPECT_FALSE(request.swa_full);
  EXPECT_EQ(request.quantization, "");
  EXPECT_THAT(request.override_tensor, ElementsAre("a=CPU", "b=MTL0"));
  EXPECT_THAT(plan_request(R"({"override-tensor": "a=CPU"})").override_tensor,
              ElementsAre("a=CPU"));
  EXPECT_EQ(plan_request("{}"), PlanRequest());
}

TEST(Request, AnUnknownKeyIsNamedWithTheOneThatWasMeant) {
  const auto refusal = refused_request(R"({"ctx_size": 8192})");
  EXPECT_EQ(refusal.where, "/ctx_size");
  EXPECT_THAT(refusal.message, HasSubstr("ctx-size?"));
  EXPECT_EQ(refused_request(R"({"": 1})").where, "/");
  EXPECT_EQ(refused_request(R"({"a/b~": 1})").where, "/a~1b~0");
  EXPECT_THAT(refused_request("{\"" + std::string(1'000'000, 'k') + "\": 1}").message.size(),
              ::testing::Lt(200U));
}

TEST(Request, ValuesOfAnotherTypeAreRefusedAtTheirKey) {
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {R"({"model": 7})", "/model", "must be a string"},
      {R"({"model": ["a"]})", "/model", "must be a string"},
      {R"({"chip": true})", "/chip", "must be a string or a whole number"},
      {R"({"ctx-size": 8.5})", "/ctx-size", "no whole number"},
      {R"({"ctx-size": 1e400})", "", "not JSON"},
      {R"({"ctx-size": {}})", "/ctx-size", "must be a string or a whole number"},
      {R"({"kv-unified": "on"})", "/kv-unified", "must be true or false"},
      {R"({"kv-unified": 1})", "/kv-unified", "must be true or false"},
      {R"({"override-tensor": [["a=CPU"]]})", "/override-tensor", "array of strings"},
      {R"({"override-tensor": [1]})", "/override-tensor", "array of strings"},
      {R"({"override-tensor": [null]})", "/override-tensor", "array of strings"},
      {R"({"chip": "a", "chip": "b"})", "/chip", "stands twice"},
      {"[]", "", "must be a JSON object"},
      {"\"model\"", "", "must be a JSON object"},
      {"7", "", "must be a JSON object"},
      {"null", "", "must be a JSON object"},
  };
  for (const auto& [json, where, message] : cases) {
    const auto refusal = refused_request(json);
    EXPECT_EQ(refusal.code, Errc::bad_request) << json;
    EXPECT_EQ(refusal.where, where) << json;
    EXPECT_THAT(refusal.message, HasSubstr(message)) << json;
  }
}

TEST(Request, WhatIsNoJsonIsOneLine) {
  for (const std::string& json :
       {std::string(), std::string("{"), std::string("{\"chip\": \"m1"), std::string("{} {}"),
        std::string("{'chip': 1}"), std::string(1'000'000, '['), std::string(1'000'000, '{'),
        "{\"chip\": " + std::string(1'000'000, '['), std::string("{\"chip\": \"\xff\xfe\"}"),
        std::string("{\"chip\": \"\\ud800\"}"), std::string("{\"chip\": \"a\0b\"}", 15),
        std::string("{\"chip\": \"\\u0000\"}")}) {
    const auto refusal = refused_request(json);
    EXPECT_EQ(refusal.code, Errc::bad_request);
    EXPECT_THAT(refusal.message, Not(HasSubstr("\n"))) << json.substr(0, 40);
    EXPECT_LT(refusal.message.size(), 200U) << json.substr(0, 40);
  }
  EXPECT_THAT(refused_request("{\"chip\": \"\xff\"}").message, HasSubstr("not UTF-8 at byte"));
}

TEST(Request, HugeValuesAreRefusedAndNotRepeated) {
  const auto with_chip = [](std::size_t length) {
    return refused_request("{\"chip\": \"" + std::string(length, 'x') + "\"}");
  };
  EXPECT_EQ(with_chip(100'000).where, "/chip");
  EXPECT_LT(with_chip(100'000).message.size(), 200U);
  EXPECT_EQ(with_chip(10'000'000).where, "");
  EXPECT_THAT(with_chip(10'000'000).message, HasSubstr("none has more than"));
}

TEST(Request, OptionsThatNeedFilesOrThisMachineSaySo) {
  for (const std::string& key :
       std::vector<std::string>{"lora", "mmproj", "modelfile", "readings", "profiles", "now"}) {
    const auto refusal = refused_request("{\"" + key + "\": \"x\"}");
    EXPECT_EQ(refusal.code, Errc::unsupported) << key;
    EXPECT_EQ(refusal.where, "/" + key);
  }
}

TEST(Request, WhatAValueSaysWronglyIsToldAtItsKey) {
  const PlanRequest good{.model = "llama3.1:8b", .chip = "m1-16gb"};
  const auto with = [&](std::string PlanRequest::*member, const std::string& value) {
    PlanRequest out = good;
    out.*member = value;
    return refused_plan(out);
  };
  EXPECT_EQ(with(&PlanRequest::context, "8x").where, "/ctx-size");
  EXPECT_EQ(with(&PlanRequest::chip, "m9").where, "/chip");
  EXPECT_EQ(with(&PlanRequest::chip, "").where, "/chip");
  EXPECT_EQ(with(&PlanRequest::chip, "this-machine").where, "/chip");
  EXPECT_EQ(with(&PlanRequest::model, "").where, "/model");
  EXPECT_EQ(with(&PlanRequest::runtime, "vllm").where, "/runtime");
  EXPECT_EQ(with(&PlanRequest::quantization, "Q9_K").where, "/quant");
  EXPECT_EQ(with(&PlanRequest::cache_type, "q3_0").where, "/cache-type");
  EXPECT_EQ(with(&PlanRequest::macos, "9").where, "/macos");
  EXPECT_EQ(with(&PlanRequest::parallel, "257").where, "/parallel");
  EXPECT_EQ(with(&PlanRequest::spec_type, "eagle").where, "/spec-type");
  auto deep = good;
  deep.context = "8k";
  deep.depth = "9k";
  EXPECT_EQ(refused_plan(deep).where, "/depth");
  auto prompted = good;
  prompted.context = "8k";
  prompted.depth = "6k";
  prompted.prompt_tokens = "3k";
  EXPECT_EQ(refused_plan(prompted).where, "/prompt-tokens");
  const auto limited = with(&PlanRequest::wired_limit_mb, "16385");
  EXPECT_EQ(limited.where, "/wired-limit-mb");
  EXPECT_THAT(limited.message, HasSubstr("give at most 16384"));
  const auto reserved = with(&PlanRequest::reserve, "4");
  EXPECT_EQ(reserved.where, "/reserve");
  EXPECT_THAT(reserved.message, HasSubstr("4GiB"));
}

TEST(Request, ACacheTypeThatTheEngineRefusesSaysWhy) {
  const auto rows =
      plan_report({.model = "llama3.1:8b", .chip = "m1-16gb", .flash_attention = "off"},
                  Profiles::embedded())
          .by_cache_type;
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].refusal, "");
  EXPECT_GT(rows[0].tokens, 0);
  EXPECT_EQ(rows[1].tokens, 0);
  EXPECT_THAT(rows[1].refusal, testing::StartsWith("the engine needs flash attention"));
}

TEST(Request, AContextBeyondTheTrainingSaysSo) {
  const auto profiles = Profiles::embedded();
  PlanRequest request{.model = "qwen2.5-coder:32b", .chip = "m4-max-128gb", .context = "32k"};
  const auto speaks = testing::Contains(HasSubstr("--rope-scale 2 --yarn-orig-ctx 32768"));
  EXPECT_THAT(plan_report(request, profiles).plan.reasons, Not(speaks));
  request.context = "64k";
  EXPECT_THAT(plan_report(request, profiles).plan.reasons, speaks);
  request.parallel = "2";
  EXPECT_THAT(plan_report(request, profiles).plan.reasons, Not(speaks)) << "each slot has half";
  EXPECT_THAT(plan_report({.model = "all-minilm", .chip = "m1-16gb", .context = "1k"}, profiles)
                  .plan.reasons,
              testing::Contains(HasSubstr("positions for 512 tokens only")));
}

TEST(Request, FilesAndAddressesAreNotRead) {
  for (const char* model :
       {"ollama:llama3", "hf:a/b", "https://x/y.gguf", "./m.gguf", "/etc/x.gguf", "a/b/c"}) {
    const auto refusal = refused_plan({.model = model, .chip = "m1-16gb"});
    EXPECT_EQ(refusal.code, Errc::unsupported) << model;
  }
}

TEST(Request, IsAnsweredOnlyForThoseWhoAreTold) {
  const auto profiles = Profiles::embedded();
  const PlanRequest request{.model = "qwen2.5-coder:32b", .chip = "m1-max-32gb", .context = "8k"};
  const auto all = plan_report(request, profiles).commands;
  auto inputs = plan_inputs(request, profiles);
  inputs.commands_for = {SettingsFormat::llama_server, SettingsFormat::modelfile};
  const auto some = plan_report(std::move(inputs)).commands;
  EXPECT_EQ(some.llama_server, all.llama_server);
  EXPECT_EQ(some.modelfile, all.modelfile);
  EXPECT_FALSE(some.modelfile.empty());
  EXPECT_FALSE(all.ollama.empty());
  EXPECT_TRUE(some.ollama.empty() && some.lmstudio.empty() && some.mlx.empty() &&
              some.sysctl.empty());
}

TEST(Request, AModelOfTheCallersIsPlannedAsItIs) {
  const auto profiles = Profiles::embedded();
  const PlanRequest request{.model = "qwen2.5-coder:32b", .chip = "m1-max-32gb", .context = "8k"};
  const auto named = to_json(plan_report(request, profiles));
  EXPECT_EQ(to_json(plan_report(request, profiles, profiles.model("qwen2.5-coder:32b"))), named);
  PlanRequest other = request;
  other.quantization = "Q8_0";
  EXPECT_THROW(static_cast<void>(plan_report(other, profiles, profiles.model("qwen2.5-coder:32b"))),
               Error);
}

TEST(Request, ProfilesAreAddedWithoutAFile) {
  const auto profiles = Profiles::embedded();
  std::string text(profiles.document(ProfileKind::chip, "m1-max-32gb"));
  const auto id = text.find("m1-max-32gb");
  text.replace(id, std::string("m1-max-32gb").size(), "m1-max-mine");
  const auto more = profiles.overlaid_with_profile(text);
  EXPECT_EQ(more.chip("m1-max-mine").ram, gib(32));
  EXPECT_THROW(static_cast<void>(profiles.chip("m1-max-mine")), Error);

  const auto refused = [&](const std::string& json) -> std::string {
    try {
      static_cast<void>(profiles.overlaid_with_profile(json));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::invalid_profile);
      return error.where();
    }
    return "not refused";
  };
  EXPECT_EQ(refused("{"), "profile:1:2");
  EXPECT_EQ(refused("{}"), "profile#/schema");
  EXPECT_EQ(refused("[]"), "profile#/schema");
  EXPECT_EQ(refused(R"({"schema": "membudget.chip/1"})"), "profile#/id");
  EXPECT_THAT(refused(R"({"schema": "membudget.chip/1", "id": "x"})"), HasSubstr("profile#"));
}

TEST(ProfileList, KnowsKindsByTheirWords) {
  EXPECT_EQ(kind_named("chips"), ProfileKind::chip);
  EXPECT_EQ(kind_named("quant"), ProfileKind::quantization);
  EXPECT_THROW(static_cast<void>(kind_named("")), RequestError);
  const auto profiles = Profiles::embedded();
  EXPECT_THAT(listed_ids(profiles, ProfileKind::chip, "M1-MAX"),
              ::testing::Contains("m1-max-32gb"));
  EXPECT_THAT(names_of(profiles, ProfileKind::model, "qwen2.5-coder-32b"),
              ::testing::Contains("qwen2.5-coder:32b"));
}

}  // namespace
}  // namespace membudget::request_test
