// SPDX-License-Identifier: MIT
#include "membudget/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "report/layout.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::report_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path plan_schema =
    std::filesystem::path(PROFILES_DIR) / "schema/plan.schema.json";

/// A 32B model at 8K on 32 GiB, made by hand: no engine takes part in these tests.
PlanReport example() {
  PlanReport out;
  out.model.id = "qwen2.5-coder:32b";
  out.model.architecture = "qwen2";
  out.model.quantization = "Q4_K_M";
  out.model.trained_context = 32768;
  out.model.layers.resize(64);
  out.model.tensors = TensorTable({{.name = "token_embd.weight",
                                    .shape = {256, 4, 1, 1},
                                    .type = ElementType::q4_k,
                                    .offset = 0}});
  out.machine.chip.id = "m1-max-32gb";
  out.machine.chip.name = "Apple M1 Max";
  out.machine.chip.ram = gib(32);
  out.runtime.id = "llama.cpp";
  out.runtime.version = "b10587";
  auto& plan = out.plan;
  plan.footprint.settings.context = 8192;
  plan.footprint.parts = {{.name = PartName::weights,
                           .where = Place::gpu,
                           .bytes = mib(18500),
                           .basis = Basis::formula,
                           .note = "mapped from the file",
                           .formula = "771 tensors"},
                          {.name = PartName::kv_cache,
                           .where = Place::gpu,
                           .bytes = gib(2),
                           .basis = Basis::formula,
                           .note = "",
                           .formula = "64 layers x 8192 x (1024 + 1024) x 2 B"},
                          {.name = PartName::compute,
                           .where = Place::gpu,
                           .bytes = mib(307),
                           .basis = Basis::formula,
                           .note = "",
                           .formula = "peak of the graph"},
                          {.name = PartName::weights,
                           .where = Place::host,
                           .bytes = mib(400),
                           .basis = Basis::formula,
                           .note = "token embedding",
                           .formula = ""},
                          {.name = PartName::output,
                           .where = Place::host,
                           .bytes = Bytes{608256},
                           .basis = Basis::formula,
                           .note = "",
                           .formula = ""}};
  plan.footprint.gpu_peak.operation = "ffn_gate-3";
  plan.footprint.gpu_peak.alive = {{"ffn_gate-3", mib(200)}, {"ffn_inp-3", mib(107)}};
  plan.footprint.graph_nodes = 2246;
  plan.footprint.graph_splits = 2;
  plan.budget.gpu_limit = mib(25559);
  plan.budget.gpu_limit_rule = "0.78 x 32 GiB RAM on macOS 26";
  plan.budget.ram = gib(32);
  plan.budget.reserve = gib(4);
  plan.budget.reserve_parts = {{"macOS and apps", gib(4), "the example"}};
  plan.budget.ram_available = gib(28);
  plan.budget.safety_margin = mib(2556);
  plan.headroom = plan.budget.gpu_limit - plan.footprint.total(Place::gpu);
  plan.verdict = Verdict::comfortable;
  plan.reasons = {"4.13 GiB stay free under Metal's limit."};
  out.max_context = 24576;
  out.by_cache_type = {
      {ElementType::f16, 24576}, {ElementType::q8_0, 32768}, {ElementType::q4_0, 32768}};
  return out;
}

PlanReport too_large() {
  auto out = example();
  out.plan.footprint.parts[0].bytes = gib(40);
  out.plan.headroom = out.plan.budget.gpu_limit - out.plan.footprint.total(Place::gpu);
  out.plan.verdict = Verdict::does_not_fit;
  return out;
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

int widest(const std::string& text) {
  int out = 0;
  for (const auto& line : lines(text)) out = std::max(out, report::columns(line));
  return out;
}

bool ascii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); });
}

/// The line of the text report that holds the bar, without its indentation.
std::string bar_of(const PlanReport& plan) {
  for (const auto& line : lines(to_text(plan, {.unicode = false}))) {
    if (line.starts_with("  #")) return line.substr(2);
  }
  return {};
}

TEST(TextReport, SaysModelMachineAndVerdictFirst) {
  const auto text = lines(to_text(example(), {}));
  EXPECT_EQ(text[0], "qwen2.5-coder:32b Q4_K_M on Apple M1 Max, 32.00 GiB RAM, macOS 26");
  EXPECT_THAT(text[1], HasSubstr("llama.cpp b10587: 8192 tokens, f16 cache"));
  EXPECT_EQ(text[3], "Fits comfortably: 20.37 GiB of the 24.96 GiB Metal grants, 4.59 GiB left.");
}

TEST(TextReport, NamesTheBindingLimitWithItsRule) {
  EXPECT_THAT(to_text(example(), {}),
              HasSubstr("24.96 GiB: 0.78 x 32 GiB RAM on macOS 26 (binds)"));
  auto ram = example();
  ram.plan.binding = Binding::ram;
  EXPECT_THAT(to_text(ram, {}), HasSubstr("28.00 GiB: 32.00 GiB less 4.00 GiB"));
  EXPECT_THAT(to_text(ram, {}), HasSubstr("of the 28.00 GiB of RAM available"));
}

TEST(TextReport, StaysWithinItsWidth) {
  auto plan = example();
  plan.model.id = std::string(200, 'x');
  plan.plan.footprint.parts[0].note = "a note that says much more than one line of it can hold";
  plan.plan.reasons.push_back(std::string(300, 'y'));
  for (const int width : {60, 72, 80}) {
    EXPECT_LE(widest(to_text(plan, {.explain = true, .width = width})), width);
    EXPECT_LE(widest(to_text(too_large(), {.explain = true, .width = width})), width);
  }
}

TEST(TextReport, HasNoEscapesWithoutColourAndOnlyAsciiWithoutUnicode) {
  EXPECT_THAT(to_text(example(), {.explain = true}), Not(HasSubstr("\x1b")));
  EXPECT_TRUE(ascii(to_text(example(), {.unicode = false, .explain = true})));
  EXPECT_THAT(to_text(example(), {.colour = true}), HasSubstr("\x1b[1;32mFits comfortably\x1b[0m"));
}

TEST(TextReport, KeepsTerminalEscapesOfNamesOut) {
  auto plan = example();
  plan.model.id = "evil\x1b]0;title\x07\xff\xc2\x9b";
  plan.plan.footprint.gpu_peak.operation = "\x1b[31m";
  EXPECT_TRUE(ascii(to_text(plan, {.unicode = false, .explain = true})));
  EXPECT_THAT(to_text(plan, {}), HasSubstr("evil?]0;title???"));
}

TEST(TextReport, ExplainsFormulasAndTheComputePeak) {
  const auto text = to_text(example(), {.explain = true});
  EXPECT_THAT(text, HasSubstr("64 layers x 8192 x (1024 + 1024) x 2 B"));
  EXPECT_THAT(text, HasSubstr("What sets the compute buffer: ffn_gate-3"));
  EXPECT_THAT(text, HasSubstr("200.0 MiB  ffn_gate-3"));
  EXPECT_THAT(to_text(example(), {}), Not(HasSubstr("1024 + 1024")));
}

TEST(TextReport, SaysWhatIsTrueOfWhatPeopleSay) {
  auto plan = example();
  plan.model.layers[0].mixer = Attention{.heads = 40, .kv_heads = 8};
  plan.plan.footprint.settings.cache_type_k = ElementType::q8_0;
  const auto text = to_text(plan, {.explain = true, .width = 400});
  EXPECT_THAT(text, HasSubstr("2.00 GiB at 8192 tokens here."));
  EXPECT_THAT(text, HasSubstr("Only 8 KV heads of 40 heads are kept"));
  EXPECT_THAT(text, HasSubstr("q8_0 takes 8.5 bits a value, 53.1 % of f16, q4_0 4.5 bits a value, "
                              "28.1 % of f16."));
  EXPECT_THAT(text, HasSubstr("\"Flash attention cuts the KV cache by 20 to 30 %\""));
  EXPECT_THAT(text, HasSubstr("files mix types: with Q4_K_M 4.50 bits a weight here"));
  EXPECT_THAT(text, Not(HasSubstr("Neural Engine")));
  plan.runtime.ollama.emplace();
  EXPECT_THAT(to_text(plan, {.explain = true}), HasSubstr("Neural Engine"));
  EXPECT_THAT(to_markdown(plan, true), HasSubstr("#### What you may have read, and what is true"));
  EXPECT_THAT(to_text(plan, {}), Not(HasSubstr("may have read")));
}

TEST(TextReport, SaysWhenPartsAreAssumed) {
  auto plan = example();
  plan.plan.footprint.parts[1].basis = Basis::assumed;
  EXPECT_THAT(to_text(plan, {.width = 120}), HasSubstr("left; part of it is assumed."));
}

TEST(TextReport, ShowsContextsAndWhereTheyEnd) {
  const auto text = to_text(example(), {});
  EXPECT_THAT(text, HasSubstr("f16 cache       24576\n"));
  EXPECT_THAT(text, HasSubstr("q8_0 cache      32768, all it was trained for"));
  auto mixed = example();
  mixed.plan.footprint.settings.cache_type_k = ElementType::q8_0;
  mixed.max_context = 0;
  EXPECT_THAT(to_text(mixed, {}), HasSubstr("\n  K q8_0, V f16 cache  none fits\n"
                                            "  f16 cache            24576\n"));
}

TEST(TextReport, CountsOnlyLayersThatHaveExpertsOnTheCpu) {
  auto plan = example();
  const auto settings_in = [](const PlanReport& report) {
    return lines(to_text(report, {.width = 200}))[1];
  };
  auto& settings = plan.plan.footprint.settings;
  settings.n_cpu_moe = 10;
  EXPECT_THAT(settings_in(plan), Not(HasSubstr("experts")));
  settings.cpu_moe = true;
  EXPECT_THAT(settings_in(plan), Not(HasSubstr("experts")));
  // The first layer is dense, as in DeepSeek's.
  plan.model.tensors = TensorTable(
      {{.name = "blk.0.ffn_up.weight", .shape = {256, 256, 1, 1}, .type = ElementType::q4_k},
       {.name = "blk.1.ffn_up_exps.weight", .shape = {256, 256, 8, 1}, .type = ElementType::q4_k},
       {.name = "blk.1.ffn_down_exps.weight", .shape = {256, 256, 8, 1}, .type = ElementType::q4_k},
       {.name = "blk.2.ffn_up_exps.weight", .shape = {256, 256, 8, 1}, .type = ElementType::q4_k}});
  EXPECT_THAT(settings_in(plan), HasSubstr(", experts on the CPU"));
  settings.cpu_moe = false;
  EXPECT_THAT(settings_in(plan), HasSubstr(", experts of 2 layers on the CPU"));
  settings.n_cpu_moe = 2;
  EXPECT_THAT(settings_in(plan), HasSubstr(", experts of 1 layer on the CPU"));
  settings.n_cpu_moe = 1;
  EXPECT_THAT(settings_in(plan), Not(HasSubstr("experts")));
}

TEST(Bar, EndsWhereTheLimitIsWhenThePlanFits) {
  const auto bar = bar_of(example());
  EXPECT_EQ(bar.size(), 76U);
  EXPECT_EQ(bar.find('.'), 62U) << bar;        // 20.37 of 24.96 GiB
  EXPECT_EQ(std::ranges::count(bar, '='), 6);  // 2 of 24.96 GiB
  EXPECT_EQ(bar.back(), '-');
}

TEST(Bar, IsFullWhenThePlanDoesNotFit) {
  const auto bar = bar_of(too_large());
  EXPECT_EQ(bar.size(), 76U);
  EXPECT_EQ(bar.find_first_of(".-"), std::string::npos) << bar;
}

TEST(Bar, GivesEveryPartOnTheGpuAColumn) {
  auto plan = example();
  plan.plan.footprint.parts[2].bytes = Bytes{1};
  EXPECT_EQ(std::ranges::count(bar_of(plan), '+'), 1);
}

TEST(Bar, SurvivesNothingToShow) {
  PlanReport nothing;
  nothing.model.layers.resize(1);
  EXPECT_LE(widest(to_text(nothing, {})), 80);
  EXPECT_FALSE(to_markdown(nothing, true).empty());
}

TEST(JsonReport, FollowsItsSchema) {
  for (const auto& plan : {example(), too_large()}) {
    EXPECT_EQ(test::schema_faults(json::parse(to_json(plan)), plan_schema), "");
  }
}

TEST(JsonReport, SchemaRefusesWhatTheContractDoesNotHave) {
  const auto refused = [](const char* pointer, const json& value) {
    auto document = json::parse(to_json(example()));
    document[json::json_pointer(pointer)] = value;
    return !test::schema_faults(document, plan_schema).empty();
  };
  EXPECT_TRUE(refused("/extra", 1));
  EXPECT_TRUE(refused("/memory/extra_bytes", 1));
  EXPECT_TRUE(refused("/memory/total_bytes", 1.5));
  EXPECT_TRUE(refused("/memory/parts/0/where", "disk"));
  EXPECT_TRUE(refused("/verdict", "fits"));
  EXPECT_TRUE(refused("/machine/macos", 26));
  EXPECT_TRUE(refused("/max_context/by_cache_type/f16", -1));
  EXPECT_FALSE(refused("/verdict", "tight"));
}

TEST(JsonReport, PartsAndSumsGiveTheTotal) {
  const auto memory = json::parse(to_json(example()))["memory"];
  std::int64_t parts = 0;
  for (const auto& part : memory["parts"]) parts += part["bytes"].get<std::int64_t>();
  std::int64_t sums = 0;
  for (const auto* name :
       {"weights", "kv_cache", "recurrent_state", "compute", "output", "overhead"}) {
    sums += memory[std::string(name) + "_bytes"].get<std::int64_t>();
  }
  EXPECT_EQ(parts, memory["total_bytes"]);
  EXPECT_EQ(sums, memory["total_bytes"]);
  EXPECT_EQ(memory["gpu_bytes"].get<std::int64_t>() + memory["host_bytes"].get<std::int64_t>(),
            memory["total_bytes"]);
}

TEST(JsonReport, SpellsSettingsAsTheCommandLineDoes) {
  const auto report = json::parse(to_json(example()));
  EXPECT_EQ(report["settings"]["cache_type_k"], "f16");
  EXPECT_EQ(report["settings"]["gpu_layers"], 65);
  EXPECT_EQ(report["machine"]["macos"], "26");
  EXPECT_EQ(report["verdict"], "comfortable");
  EXPECT_EQ(report["max_context"]["by_cache_type"]["q8_0"], 32768);
}

TEST(JsonReport, ReplacesBrokenUtf8) {
  auto plan = example();
  plan.model.id = "bad\xff\"name\n";
  const auto report = json::parse(to_json(plan));
  EXPECT_EQ(report["model"]["id"], "bad\xEF\xBF\xBD\"name\n");
}

TEST(JsonReport, CountsOnlyTheExpertsInUseAsActive) {
  auto plan = example();
  plan.model.experts = 8;
  plan.model.experts_used = 2;
  plan.model.tensors = TensorTable(
      {{.name = "blk.0.ffn_up_exps.weight", .shape = {256, 256, 8, 1}, .type = ElementType::q4_k},
       {.name = "output_norm.weight", .shape = {256, 1, 1, 1}, .type = ElementType::f32}});
  const auto model = json::parse(to_json(plan))["model"];
  EXPECT_EQ(model["parameters"], 256 * 256 * 8 + 256);
  EXPECT_EQ(model["active_parameters"], 256 * 256 * 2 + 256);
}

TEST(JsonReport, TellsAnErrorApartFromItsPlace) {
  const auto error =
      json::parse(to_json(Error(Errc::bad_request, "--ctx-size", "'0x' is not a number")));
  EXPECT_EQ(error["error"]["code"], "bad_request");
  EXPECT_EQ(error["error"]["where"], "--ctx-size");
  EXPECT_EQ(error["error"]["message"], "'0x' is not a number");
}

TEST(MarkdownReport, SaysWhatTextSays) {
  const auto text = to_markdown(example(), false);
  EXPECT_THAT(text, HasSubstr("### qwen2.5-coder:32b Q4\\_K\\_M on Apple M1 Max"));
  EXPECT_THAT(text, HasSubstr("**Fits comfortably**: 20.37 GiB"));
  EXPECT_THAT(text, HasSubstr("| KV cache | GPU | 2.00 GiB | formula |"));
  EXPECT_THAT(text, HasSubstr("**(binds)**"));
  EXPECT_THAT(text, HasSubstr("| q8\\_0 | 32768, all it was trained for |"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(to_markdown(example(), true), HasSubstr("| 200.0 MiB | ffn\\_gate-3 |"));
}

TEST(MarkdownReport, NamesCannotBreakOutOfTheirCell) {
  auto plan = example();
  plan.plan.footprint.parts[0].note = "a | b `c` <img src=x>\n| d |";
  EXPECT_THAT(to_markdown(plan, false),
              HasSubstr("| a \\| b \\`c\\` &lt;img src=x\\>?\\| d \\| |\n"));
}

TEST(Layout, WrapsAtSpacesAndCutsLongWords) {
  EXPECT_EQ(report::wrapped("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(report::wrapped("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(report::wrapped("", 3), (std::vector<std::string>{""}));
  EXPECT_EQ(report::wrapped("é é é", 3), (std::vector<std::string>{"é é", "é"}));
}

}  // namespace
}  // namespace membudget::report_test
