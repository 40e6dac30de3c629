// SPDX-License-Identifier: MIT
#include "membudget/sweep_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "membudget/chart.hpp"
#include "membudget/html_report.hpp"
#include "report/layout.hpp"
#include "report/sweep_panels.hpp"
#include "support/markup.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace membudget::sweep_report_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path sweep_schema =
    std::filesystem::path(PROFILES_DIR) / "schema/sweep.schema.json";

constexpr std::string_view evil = "=</script>\"><script>alert(1)</script>,'|`\n\xff";

SweepPoint made_point(std::int64_t tokens, Bytes gpu, Verdict verdict) {
  SweepPoint out;
  out.asked = tokens;
  PlanFigures& plan = out.plan.emplace();
  plan.context = tokens;
  plan.parts = {{PartName::weights, Place::gpu, gpu - mib(300), Basis::file},
                {PartName::kv_cache, Place::gpu, mib(200), Basis::formula},
                {PartName::compute, Place::gpu, mib(100), Basis::formula},
                {PartName::output, Place::host, mib(2), Basis::formula}};
  plan.gpu = gpu;
  plan.host = mib(2);
  plan.headroom = gib(24) - gpu;
  plan.verdict = verdict;
  return out;
}

SweepSeries made_series(std::string quantization, std::string cache) {
  SweepSeries out;
  out.chip = "m1-max-32gb";
  out.chip_name = "Apple M1 Max";
  out.system = "macOS 26";
  out.runtime = "llama.cpp";
  out.runtime_version = "b10587";
  out.engine = "llama.cpp";
  out.quantization = std::move(quantization);
  out.cache_type = out.cache_type_k = out.cache_type_v = std::move(cache);
  out.ram = gib(32);
  out.gpu_limit = gib(24);
  out.gpu_limit_rule = "0.75 x 32 GiB";
  out.ram_available = gib(28);
  out.safety_margin = gib(2);
  out.points = {made_point(2048, gib(20), Verdict::comfortable),
                made_point(4096, gib(23), Verdict::tight),
                made_point(8192, gib(26), Verdict::crawls)};
  out.max_context = 5120;
  out.at_max = made_point(5120, mib(24500), Verdict::tight).plan;
  return out;
}

Sweep made_sweep() {
  Sweep out;
  out.model = "a-model";
  out.architecture = "llama";
  out.trained_context = 8192;
  out.contexts = {2048, 4096, 8192};
  out.series = {made_series("Q4_K_M", "f16"), made_series("Q4_K_M", "q8_0"),
                made_series("Q8_0", "f16")};
  SweepSeries& refused = out.series.back();
  refused.refusal = "the engine refuses it, with a reason";
  refused.max_context = 0;
  refused.at_max.reset();
  for (SweepPoint& point : refused.points) {
    point.plan.reset();
    point.refusal = refused.refusal;
  }
  return out;
}

/// With names that a file may hold.
Sweep evil_sweep() {
  Sweep out = made_sweep();
  out.model = out.architecture = evil;
  for (SweepSeries& series : out.series) {
    series.chip_name = series.chip = series.gpu_limit_rule = evil;
    series.quantization += evil;
  }
  out.series.back().refusal = out.series.back().points[0].refusal = evil;
  return out;
}

TEST(SweepPanels, NameWhatDiffers) {
  Sweep sweep = made_sweep();
  auto panels = report::panels_of(sweep, 10);
  ASSERT_EQ(panels.size(), 1U);
  EXPECT_EQ(panels[0].title,
            "Apple M1 Max, 32.00 GiB RAM, macOS 26 (m1-max-32gb); llama.cpp b10587");
  EXPECT_THAT(panels[0].labels, ElementsAre("Q4_K_M f16", "Q4_K_M q8_0", "Q8_0 f16"));
  EXPECT_EQ(report::title_of(sweep), "a-model");
  sweep.series.pop_back();
  EXPECT_THAT(report::panels_of(sweep, 10)[0].labels, ElementsAre("f16", "q8_0"));
  EXPECT_EQ(report::title_of(sweep), "a-model Q4_K_M");
  sweep.series.pop_back();
  EXPECT_THAT(report::panels_of(sweep, 10)[0].labels, ElementsAre("Q4_K_M"));
  EXPECT_EQ(report::title_of(sweep), "a-model Q4_K_M, f16 cache");
}

TEST(SweepPanels, AreOnePerMachineAndRuntimeAndNeverTooFull) {
  Sweep sweep = made_sweep();
  sweep.series[1].chip = "m1-16gb";
  EXPECT_EQ(report::panels_of(sweep, 10).size(), 2U);
  sweep = made_sweep();
  const auto divided = report::panels_of(sweep, 2);
  ASSERT_EQ(divided.size(), 2U);
  EXPECT_THAT(divided[0].labels, ElementsAre("f16", "q8_0"));
}

TEST(SweepPanels, AreAboutTheLimitThatBinds) {
  Sweep sweep = made_sweep();
  auto panel = report::panels_of(sweep, 10)[0];
  EXPECT_TRUE(panel.gpu);
  EXPECT_EQ(report::counted(*sweep.series[0].points[0].plan, panel), gib(20));
  for (SweepSeries& series : sweep.series) {
    for (SweepPoint& point : series.points) {
      if (point.plan) point.plan->binding = Binding::ram;
    }
  }
  panel = report::panels_of(sweep, 10)[0];
  EXPECT_FALSE(panel.gpu);
  EXPECT_EQ(report::counted(*sweep.series[0].points[0].plan, panel), gib(20) + mib(2));
  EXPECT_EQ(chart_of(sweep).panels[0].limit, gib(28));
  sweep.series[0].points[0].plan->binding = Binding::gpu;
  EXPECT_THAT(report::other_limit(report::panels_of(sweep, 10)[0]),
              HasSubstr("From 2048 tokens on the RAM binds here and there"));
}

TEST(SweepPanels, SayEachReasonOnce) {
  Sweep sweep = made_sweep();
  sweep.series[1] = sweep.series[2];
  sweep.series[1].quantization = "Q5_K_M";
  sweep.series[0].points[2].plan.reset();
  sweep.series[0].points[2].refusal = "another reason";
  EXPECT_THAT(report::refusals_of(report::panels_of(sweep, 10)[0]),
              ElementsAre("Q4_K_M from 8192 tokens: another reason",
                          "Q5_K_M, Q8_0: the engine refuses it, with a reason"));
}

TEST(SweepText, MarksTheFrontier) {
  const auto text = to_text(made_sweep(), {.unicode = false, .bar = false});
  EXPECT_THAT(text, HasSubstr("  context"));
  EXPECT_THAT(text, HasSubstr("     4096       23.00~<"));
  EXPECT_THAT(text, HasSubstr("     8192       26.00! "));
  EXPECT_THAT(text, HasSubstr("  largest        5120"));
  EXPECT_THAT(text, HasSubstr("Q8_0 f16: the engine refuses it, with a reason"));
  EXPECT_THAT(text, Not(HasSubstr("GPU limit 24.00 GiB\n")));  // No chart.
}

TEST(SweepText, StaysWithinItsWidthWhateverTheNamesAre) {
  for (const int width : {60, 80}) {
    for (const Sweep& sweep : {made_sweep(), evil_sweep()}) {
      for (const bool unicode : {true, false}) {
        std::istringstream in(to_text(sweep, {.unicode = unicode, .width = width}));
        for (std::string line; std::getline(in, line);) {
          EXPECT_LE(report::columns(line), width) << line;
          EXPECT_TRUE(std::ranges::all_of(
              line, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; }));
        }
      }
    }
  }
}

TEST(SweepMarkdown, EscapesNames) {
  const auto text = to_markdown(evil_sweep());
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(to_markdown(made_sweep()), HasSubstr("| 4096 | **23.00** (tight) |"));
}

TEST(SweepJson, FollowsItsSchema) {
  const auto document = json::parse(to_json(made_sweep()));
  EXPECT_EQ(test::schema_faults(document, sweep_schema), "");
  EXPECT_EQ(test::schema_faults(json::parse(to_json(evil_sweep())), sweep_schema), "");
  EXPECT_EQ(document["series"][0]["points"][1]["gpu_bytes"], gib(23).count());
  EXPECT_EQ(document["series"][0]["max_context"], 5120);
  EXPECT_EQ(document["series"][2]["points"][0]["refusal"], "the engine refuses it, with a reason");
  auto wrong = document;
  wrong["series"][0]["points"][1]["refusal"] = "both";
  EXPECT_NE(test::schema_faults(wrong, sweep_schema), "");
}

/// The records of a CSV text by RFC 4180; a fault is a record of its own.
std::vector<std::vector<std::string>> records_of(std::string_view text) {
  std::vector<std::vector<std::string>> out{{""}};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& field = out.back().back();
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      out.back().emplace_back();
    } else if (text.substr(i, 2) == "\r\n") {
      ++i;
      out.push_back({""});
    } else if (c == '"' || c == '\n' || c == '\r') {
      return {{"fault"}};
    } else {
      field += c;
    }
  }
  out.pop_back();
  return out;
}

TEST(SweepCsv, IsRfc4180) {
  for (const Sweep& sweep : {made_sweep(), evil_sweep()}) {
    const auto rows = records_of(to_csv(sweep));
    ASSERT_EQ(rows.size(), 1U + 9U);
    for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  }
  const auto rows = records_of(to_csv(made_sweep()));
  const auto column = [&](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(rows[0], name) - rows[0].begin());
  };
  EXPECT_EQ(rows[2][column("gpu_bytes")], "24696061952");
  EXPECT_EQ(rows[2][column("verdict")], "tight");
  EXPECT_EQ(rows[9][column("gpu_bytes")], "");
  EXPECT_EQ(rows[9][column("refusal")], "the engine refuses it, with a reason");
}

TEST(SweepCsv, HoldsNoFormula) {
  const auto rows = records_of(to_csv(evil_sweep()));
  EXPECT_TRUE(rows[1][0].starts_with("'=")) << rows[1][0];
}

void expect_safe_page(const std::string& page) {
  EXPECT_EQ(test::tag_faults(page), "");
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  // Only the documents for programs, and the script that copies.
  for (const auto& element : test::elements_of(page)) {
    EXPECT_FALSE(element.attributes.contains("src")) << element.name;
    if (element.attributes.contains("href")) {
      EXPECT_EQ(element.attributes.at("href"), "data:,");
    }
    for (const auto& [name, value] : element.attributes) {
      EXPECT_FALSE(name.starts_with("on")) << element.name << " " << name;
    }
  }
  for (const auto& drawing : test::drawings_of(page)) {
    const auto faults = test::xml_faults(drawing);
    if (faults != "no xmllint") {
      EXPECT_EQ(faults, "");
    }
  }
}

TEST(SweepPage, StandsAloneWhateverTheNamesAre) {
  for (const Sweep& sweep : {made_sweep(), evil_sweep()}) {
    const auto page = to_html(sweep);
    expect_safe_page(page);
    EXPECT_EQ(json::parse(test::script_of(page, "sweep")), json::parse(to_json(sweep)));
    EXPECT_EQ(test::drawings_of(page).size(), 2U);  // Wide and narrow.
  }
}

TEST(SweepPage, UsesEveryIdOnce) {
  std::vector<std::string> ids;
  for (const auto& element : test::elements_of(to_html(made_sweep()))) {
    if (element.attributes.contains("id")) ids.push_back(element.attributes.at("id"));
  }
  auto once = ids;
  std::ranges::sort(once);
  once.erase(std::unique(once.begin(), once.end()), once.end());
  EXPECT_EQ(once.size(), ids.size());
}

TEST(ReportPage, StandsAloneWhateverTheNamesAre) {
  PlanReport report;
  report.model.id = report.model.quantization = evil;
  report.model.notes = {std::string(evil)};
  report.machine.chip.name = report.machine.chip.id = evil;
  report.machine.chip.sources = {std::string(evil)};
  report.machine.chip.ram = gib(32);
  report.runtime.id = report.runtime.version = evil;
  report.plan.footprint.parts = {{.name = PartName::weights,
                                  .where = Place::gpu,
                                  .bytes = gib(30),
                                  .basis = Basis::formula,
                                  .note = std::string(evil),
                                  .formula = std::string(evil)}};
  report.plan.budget.gpu_limit = gib(24);
  report.plan.budget.gpu_limit_rule = report.plan.budget.gpu_limit_source = evil;
  report.plan.budget.reserve_parts = {{std::string(evil), gib(4), std::string(evil)}};
  report.plan.headroom = Bytes{} - gib(6);
  report.plan.reasons = {std::string(evil)};
  report.commands.llama_server = std::string("llama-server \\\n  ") + std::string(evil);
  report.commands.ollama = {std::string(evil)};
  report.commands.modelfile = report.commands.mlx = evil;
  const auto page = to_html(report, evil_sweep());
  expect_safe_page(page);
  EXPECT_EQ(json::parse(test::script_of(page, "plan")), json::parse(to_json(report)));
}

}  // namespace
}  // namespace membudget::sweep_report_test
