// SPDX-License-Identifier: MIT
#include "membudget/verify.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "membudget/error.hpp"
#include "membudget/verify_report.hpp"
#include "support/embedded.hpp"
#include "support/engine_log_text.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"
#include "verify/file_type.hpp"

namespace membudget::test::verify_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string mib_text(Bytes size) {
  return fmt::format("{:.2f}", static_cast<double>(size.count()) / 1048576.0);
}

/// What llama-server of that build prints for a model of the catalog.
LogFacts facts_of(const std::string& id, const std::string& quantization, const Workload& workload,
                  std::int64_t build = 10587) {
  const Model model = profiles().model(id, quantization);
  const Runtime runtime = profiles().runtime(fmt::format("llama.cpp@b{}", build));
  const Footprint footprint = estimate(model, runtime, workload);
  LogFacts out;
  out.build = build;
  out.working_set = "26800.60";
  out.path = "/Users/someone/secret/" + id + "-" + quantization + ".gguf";
  out.name = id;
  out.architecture = model.architecture;
  out.file_type = quantization;
  out.layers = static_cast<std::int64_t>(model.layers.size());
  out.embedding = model.embedding;
  out.vocabulary = model.vocabulary;
  out.experts = model.experts;
  const auto& attention = std::get<Attention>(model.layers.front().mixer);
  out.heads = attention.heads;
  out.trained_context = model.trained_context;
  const auto document = nlohmann::json::parse(profiles().document(ProfileKind::model, id));
  out.feed_forward = document.at("metadata").at("feed_forward_length").get<std::int64_t>();
  out.kv_heads = attention.kv_heads;
  out.context = footprint.settings.context;
  out.batch = footprint.settings.batch;
  out.ubatch = footprint.settings.ubatch;
  out.parallel = footprint.settings.parallel;
  out.unified = footprint.settings.kv_unified;
  out.outputs = footprint.settings.outputs;
  out.offloaded = out.layers + 1;
  out.weights = {{"CPU_Mapped", mib_text(footprint.host.model)},
                 {"MTL0_Mapped", mib_text(footprint.gpu.model)}};
  out.caches = {{"MTL0", mib_text(footprint.total(PartName::kv_cache))}};
  out.compute = {{"MTL0", mib_text(footprint.gpu.compute)},
                 {"CPU", mib_text(footprint.host.compute)}};
  out.output = mib_text(footprint.total(PartName::output));
  return out;
}

EngineLoad load_of(const LogFacts& facts) {
  return read_engine_log(llama_log(facts, LogFormat::august_2026)).loads.at(0);
}

Workload of_one_slot(std::int64_t context) {
  Workload out;
  out.context = context;
  out.parallel = 1;
  return out;
}

LogFacts qwen() {
  return facts_of("qwen2.5-coder-32b", "Q4_K_M", of_one_slot(8192));
}

TEST(Verify, FindsEveryPartAsPlanned) {
  const Verification run = verify(load_of(qwen()), profiles(), {});
  EXPECT_EQ(run.not_planned, "");
  EXPECT_EQ(run.model_id, "qwen2.5-coder-32b");
  EXPECT_EQ(run.parts.size(), 6U);
  for (const ComparedPart& part : run.parts) {
    EXPECT_EQ(part.difference, Bytes{}) << to_string(part.name);
  }
  EXPECT_TRUE(run.agrees());
  EXPECT_TRUE(run.lacks.empty());
}

TEST(Verify, SaysHowMuchAPartIsOffAndWhatIsTolerated) {
  LogFacts facts = qwen();
  const double before = std::stod(facts.compute[0].second);
  facts.compute[0].second = fmt::format("{:.2f}", before + 10);
  const EngineLoad load = load_of(facts);
  const Verification strict = verify(load, profiles(), {});
  EXPECT_FALSE(strict.agrees());
  const auto compute = std::ranges::find_if(strict.parts, [](const ComparedPart& part) {
    return part.name == ComparedName::compute && part.where == Place::gpu;
  });
  ASSERT_NE(compute, strict.parts.end());
  EXPECT_NEAR(static_cast<double>(compute->difference.count()), 10 * 1048576.0, 10500);
  for (const auto& [text, agrees] : {std::pair("9.9MiB", false), std::pair("10.1MiB", true),
                                     std::pair("0.1%", false), std::pair("50%", true)}) {
    VerifyOptions options;
    options.tolerance = parse_tolerance(text, "--tolerance");
    EXPECT_EQ(verify(load, profiles(), options).agrees(), agrees) << text;
  }
}

TEST(Verify, TakesTheLastDigitForRounded) {
  LogFacts facts = qwen();
  facts.weights[1].second = fmt::format("{:.2f}", std::stod(facts.weights[1].second) + 0.01);
  const Verification run = verify(load_of(facts), profiles(), {});
  EXPECT_FALSE(run.agrees()) << "0.01 MiB beyond the rounding is another size";
  EXPECT_LT(run.parts.front().difference, Bytes{10500});
}

TEST(Verify, CountsWhatOlderBuildsDidOtherwise) {
  LogFacts facts = qwen();
  facts.build = 9000;  // Before b9410: an F32 mask, 2 bytes more per cell and token.
  facts.outputs = 0;
  const double mask = 2.0 * 8192 * 512 / 1048576.0;
  facts.compute[1].second = fmt::format(
      "{:.2f}", std::stod(facts.compute[1].second) + mask + 4.0 * (512 - 1) / 1048576.0);
  const EngineLoad load = read_engine_log(llama_log(facts, LogFormat::february_2026)).loads.at(0);
  const Verification run = verify(load, profiles(), {});
  const auto host = std::ranges::find_if(run.parts, [](const ComparedPart& part) {
    return part.name == ComparedName::compute && part.where == Place::host;
  });
  ASSERT_NE(host, run.parts.end());
  EXPECT_EQ(host->difference, Bytes{});
  ASSERT_EQ(host->causes.size(), 1U);
  EXPECT_EQ(host->causes[0].name, "F32 mask before b9410");
  EXPECT_EQ(host->causes[0].bytes, Bytes{2 * 8192 * 512});
}

TEST(Verify, SaysWhichBuildsTheSizesAreOfWhereTheLogDoesNot) {
  LogFacts facts = facts_of("llama-3.1-8b", "Q4_K_M", of_one_slot(32768), 10500);
  facts.build = 0;
  facts.outputs = 1;
  const Verification run = verify(load_of(facts), profiles(), {});
  EXPECT_TRUE(run.agrees());
  // Before b10532, whose Metal keeps a copy of one layer's cache; not before b10355, whose lines
  // these are.
  EXPECT_EQ(run.build_from, 10355);
  EXPECT_EQ(run.build_to, 10531);
}

TEST(Verify, NamesNextTokenLayersAndEarlierConverters) {
  LogFacts facts = qwen();
  const double host = std::stod(facts.weights[0].second);
  facts.weights[1].second = fmt::format("{:.2f}", std::stod(facts.weights[1].second) - host);
  const Verification run = verify(load_of(facts), profiles(), {});
  const ComparedPart& weights = run.parts.front();
  EXPECT_EQ(weights.difference, Bytes{});
  ASSERT_EQ(weights.causes.size(), 1U);
  EXPECT_THAT(weights.causes[0].name, HasSubstr("token embedding is first"));
}

TEST(Verify, NamesAnotherMixWithoutCountingIt) {
  LogFacts facts = qwen();
  facts.weights[1].second = fmt::format("{:.2f}", std::stod(facts.weights[1].second) + 700);
  facts.tensors = {{"f32", 321}, {"q4_K", 200}, {"q6_K", 250}};
  const Verification run = verify(load_of(facts), profiles(), {});
  EXPECT_FALSE(run.agrees());
  const ComparedPart& weights = run.parts.front();
  EXPECT_TRUE(weights.explained());
  EXPECT_THAT(weights.causes.back().name, HasSubstr("another mix"));
}

TEST(Verify, LeavesOutWhatTheLogDoesNotSay) {
  LogFacts facts = qwen();
  facts.file_type = "unknown, may not work";
  facts.path = "/models/model.gguf";
  const Verification run = verify(load_of(facts), profiles(), {});
  EXPECT_TRUE(run.agrees());
  EXPECT_EQ(run.parts.size(), 4U);
  EXPECT_THAT(run.notes, Contains(HasSubstr("weights are not compared")));
}

TEST(Verify, TakesSettingsFromWhoKnowsBetter) {
  LogFacts facts = qwen();
  facts.context = 0;
  std::string text = llama_log(facts, LogFormat::august_2026);
  EngineLoad load = read_engine_log(text).loads.at(0);
  load.caches.clear();
  EXPECT_NE(verify(load, profiles(), {}).not_planned, "");
  VerifyOptions options;
  options.settings.context = 8192;
  EXPECT_TRUE(verify(load, profiles(), options).agrees());
}

TEST(Verify, OfMlxSaysWhetherItCanBePlanned) {
  const EngineLoad load = read_engine_log(
                              "$ mlx_lm.generate --model mlx-community/Qwen3-4B-4bit\n"
                              "Prompt: 512 tokens, 1234.567 tokens-per-sec\n"
                              "Generation: 100 tokens, 87.654 tokens-per-sec\n"
                              "Peak memory: 3.141 GB\n")
                              .loads.at(0);
  const Verification run = verify(load, profiles().model("qwen3-4b"), profiles(), {});
  EXPECT_NE(run.not_planned.empty(), run.parts.empty());
}

TEST(MatchModel, GoesByShapeAndTellsWhichAreAlike) {
  LogFacts facts = qwen();
  facts.name = "somebodys tune";
  facts.path = "/models/mine.gguf";
  const MatchedModel match = match_model(load_of(facts), profiles());
  const Model model = profiles().model(match.id);
  EXPECT_EQ(model.embedding, 5120);
  EXPECT_EQ(model.layers.size(), 64U);
  EXPECT_EQ(match.quantization, "Q4_K_M");
  EXPECT_FALSE(match.alike.empty()) << "Qwen2.5 and its coder have one shape.";
  EXPECT_THAT(match.why, HasSubstr("shape"));
}

TEST(MatchModel, DoesNotTakeANameForAnotherShape) {
  LogFacts facts = qwen();
  facts.name = "llama-3.1-8b";
  facts.path = "/models/llama-3.1-8b-Q4_K_M.gguf";
  EXPECT_EQ(profiles().model(match_model(load_of(facts), profiles()).id).layers.size(), 64U);
}

TEST(MatchModel, SaysWhatIsMissing) {
  EngineLoad load;
  try {
    static_cast<void>(match_model(load, profiles()));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--model"));
  }
  LogFacts facts = qwen();
  facts.layers = 63;
  EXPECT_THAT(verify(load_of(facts), profiles(), {}).not_planned, HasSubstr("63 layers"));
}

TEST(MatchModel, GoesByTheNameOfOllamaPs) {
  const EngineLog log = read_engine_log(
      "NAME           ID              SIZE      PROCESSOR    CONTEXT    UNTIL\n"
      "llama3.1:8b    46e0c10c039e    6.0 GB    100% GPU     4096       Forever\n");
  const Verification run = verify(log.loads.at(0), profiles(), {});
  EXPECT_EQ(run.model_id, "llama-3.1-8b");
  ASSERT_EQ(run.parts.size(), 1U);
  EXPECT_EQ(run.parts.front().name, ComparedName::total);
}

TEST(MatchMachine, GoesByTheNameAndTheWorkingSet) {
  LogFacts facts = qwen();
  facts.gpu = "Apple M1 Max";
  facts.working_set = "22906.50";  // 2/3 of 32 GiB: before macOS 26.
  const auto machine = match_machine(load_of(facts), profiles(), nullptr, 0);
  ASSERT_TRUE(machine.has_value());
  EXPECT_EQ(machine->chip, "m1-max-32gb");
  EXPECT_EQ(machine->problem, "");
  facts.working_set = "12345.00";
  EXPECT_THAT(match_machine(load_of(facts), profiles(), nullptr, 0)->problem,
              HasSubstr("wired_limit"));
  const Chip chip = profiles().chip("m4-max-36gb");
  EXPECT_THAT(match_machine(load_of(facts), profiles(), &chip, 0)->problem,
              HasSubstr("m4-max-36gb"));
}

TEST(FileType, IsNamedAsPeopleDo) {
  for (const auto& [printed, name] :
       std::vector<std::pair<std::string, std::string>>{{"Q4_K - Medium", "Q4_K_M"},
                                                        {"Q2_K - Medium", "Q2_K"},
                                                        {"Q3_K - Large", "Q3_K_L"},
                                                        {"mostly Q8_0", "Q8_0"},
                                                        {"all F32", "F32"},
                                                        {"MXFP4 MoE", "MXFP4_MOE"},
                                                        {"IQ3_S mix - 3.66 bpw", "IQ3_M"},
                                                        {"IQ4_XS - 4.25 bpw", "IQ4_XS"},
                                                        {"(guessed) Q5_K - Small", "Q5_K_S"},
                                                        {"unknown, may not work", ""}}) {
    EXPECT_EQ(logs::name_of_file_type(printed), name) << printed;
  }
  EXPECT_EQ(logs::without_file_type("Qwen3-8B-Q4_K_M"), "Qwen3-8B");
  EXPECT_EQ(logs::without_file_type("Qwen3-8B-UD-Q4_K_XL-00001-of-00002"), "Qwen3-8B");
  EXPECT_EQ(logs::without_file_type("Llama-2-7B.Q4_0"), "Llama-2-7B");
}

TEST(Tolerance, IsASizeOrAShare) {
  EXPECT_EQ(parse_tolerance("16MiB", "-t").bytes, mib(16));
  EXPECT_DOUBLE_EQ(parse_tolerance("0.5 %", "-t").percent, 0.5);
  EXPECT_EQ(parse_tolerance("0", "-t").bytes, Bytes{});
  for (const char* text : {"x", "-1%", "1%%", "%", "1 apple"}) {
    EXPECT_THROW(static_cast<void>(parse_tolerance(text, "-t")), Error) << text;
  }
}

VerifyReport report_of(const LogFacts& facts) {
  VerifyReport out;
  out.runs.push_back(verify(load_of(facts), profiles(), {}));
  out.runs.back().machine = match_machine(out.runs.back().load, profiles(), nullptr, 0);
  return out;
}

TEST(VerifyReport, AsJsonFollowsItsSchema) {
  LogFacts facts = qwen();
  facts.fit_projected = "20000";
  facts.fit_free = "25558";
  for (const LogFacts& each : {facts, [&] {
                                 LogFacts other = facts;
                                 other.layers = 63;
                                 return other;
                               }()}) {
    const auto json = nlohmann::json::parse(to_json(report_of(each)));
    EXPECT_EQ(schema_faults(json, std::string(PROFILES_DIR) + "/schema/verify.schema.json"), "");
  }
}

TEST(VerifyReport, AsTextIsNoWiderThanAsked) {
  const std::string text = to_text(report_of(qwen()), {});
  EXPECT_THAT(text, HasSubstr("All 6 parts are as planned, to the last digit printed."));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(VerifyReport, ForABugHoldsNothingOfTheUsers) {
  LogFacts facts = qwen();
  facts.name = "secret-name";
  facts.gpu = "secret-gpu";
  facts.tensors = {{"q4_K", 385}, {"secret-type", 1}};
  facts.path = "/Users/secret-user/secret-model-Q4_K_M.gguf";
  facts.file_type = "secret-type";
  facts.compute.emplace_back("RPC0[secret-host:50052]", "1.00");
  VerifyReport report = report_of(facts);
  report.runs.push_back(report.runs.front());
  report.runs.back().model_id.clear();
  report.runs.back().model.id = "/Users/secret-user/file.gguf";
  const std::string block = bug_report(report);
  EXPECT_THAT(block, Not(HasSubstr("secret")));
  EXPECT_THAT(block, Not(HasSubstr("Users")));
  EXPECT_THAT(block, HasSubstr("b10587"));
  EXPECT_THAT(block, HasSubstr("n_layer=64"));
  EXPECT_TRUE(block.starts_with("```") && block.ends_with("```\n"));
}

}  // namespace
}  // namespace membudget::test::verify_test
