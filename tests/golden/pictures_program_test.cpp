// SPDX-License-Identifier: MIT
// What sweep and report draw and list, number by number beside `plan --json`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "golden/program.hpp"
#include "support/markup.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "support/small_llama.hpp"
#include "test_paths.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

/// From the smallest to the largest, on machines where they fit and where they do not.
struct Sample {
  std::string model;
  std::string chip;
  std::string runtime;
  std::string contexts;
};

void PrintTo(const Sample& sample, std::ostream* out) {
  *out << sample.model << " on " << sample.chip;
}

class Pictures : public testing::TestWithParam<Sample> {
 protected:
  [[nodiscard]] Printed run(const std::string& arguments) const {
    return run_program(folder_.path(), arguments);
  }

  [[nodiscard]] std::string base() const {
    const auto& sample = GetParam();
    return fmt::format("{} --chip {} --runtime {}", sample.model, sample.chip, sample.runtime);
  }

  /// `plan --json` at a context, asked once.
  const json& plan_at(std::int64_t context) {
    auto& plan = plans_[context];
    if (plan.is_null()) {
      plan = json::parse(run(fmt::format("plan {} -c {} --json", base(), context)).output);
    }
    return plan;
  }

  /// One cache type, so that there is one series; contexts as the sample says.
  [[nodiscard]] Printed swept(const std::string& format) const {
    return run(fmt::format("sweep {} --ctx {} {} --format {}", base(), GetParam().contexts,
                           GetParam().runtime == "mlx" ? "--kv-bits 0" : "--cache-type f16",
                           format));
  }

  ScratchFolder folder_;

 private:
  std::map<std::int64_t, json> plans_;
};

std::vector<std::string> fields_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string field; std::getline(in, field, ',');) out.push_back(field);
  if (!out.empty() && out.back().ends_with('\r')) out.back().pop_back();
  return out;
}

TEST_P(Pictures, JsonSaysWhatThePlansSay) {
  const auto printed = swept("json");
  const auto document = json::parse(printed.output);
  EXPECT_EQ(
      schema_faults(document, std::filesystem::path(PROFILES_DIR) / "schema/sweep.schema.json"),
      "");
  ASSERT_EQ(document["series"].size(), 1U);
  const auto& series = document["series"][0];
  bool any = false;
  for (const auto& point : series["points"]) {
    const auto& plan = plan_at(point["context"]);
    for (const auto* key : {"gpu_bytes", "host_bytes", "total_bytes"}) {
      EXPECT_EQ(point[key], plan["memory"][key]) << key;
    }
    EXPECT_EQ(point.value("peak_bytes", json()), plan["memory"].value("peak_bytes", json()));
    auto parts = plan["memory"]["parts"];
    for (auto& part : parts) part.erase("note");
    EXPECT_EQ(point["parts"], parts);
    EXPECT_EQ(point["headroom_bytes"], plan["budget"]["headroom_bytes"]);
    EXPECT_EQ(point["binding"], plan["budget"]["binding"]);
    EXPECT_EQ(point["verdict"], plan["verdict"]);
    EXPECT_EQ(point["settings_context"], plan["settings"]["context"]);
    EXPECT_EQ(point.value("generation_tps", json()), plan["speed"].value("generation_tps", json()));
    EXPECT_EQ(series["budget"]["gpu_limit_bytes"], plan["budget"]["gpu_limit_bytes"]);
    EXPECT_EQ(series["budget"]["ram_available_bytes"], plan["budget"]["ram_available_bytes"]);
    EXPECT_EQ(series["max_context"], plan["max_context"]["tokens"]);
    any = any || plan["verdict"] == "comfortable" || plan["verdict"] == "tight";
  }
  EXPECT_EQ(printed.exit, any ? 0 : 1);
  EXPECT_EQ(printed.errors, "");
}

TEST_P(Pictures, CsvSaysWhatThePlansSay) {
  std::istringstream in(swept("csv").output);
  std::string line;
  ASSERT_TRUE(std::getline(in, line));
  const auto head = fields_of(line);
  std::size_t rows = 0;
  for (; std::getline(in, line); ++rows) {
    std::map<std::string, std::string> row;
    const auto fields = fields_of(line);
    for (std::size_t i = 0; i < fields.size(); ++i) row[head[i]] = fields[i];
    const auto& plan = plan_at(std::stoll(row.at("context")));
    for (const auto* key :
         {"weights_bytes", "kv_cache_bytes", "recurrent_state_bytes", "compute_bytes",
          "output_bytes", "overhead_bytes", "gpu_bytes", "host_bytes", "total_bytes"}) {
      EXPECT_EQ(std::stoll(row.at(key)), plan["memory"][key]) << key;
    }
    EXPECT_EQ(std::stoll(row.at("gpu_limit_bytes")), plan["budget"]["gpu_limit_bytes"]);
    EXPECT_EQ(std::stoll(row.at("headroom_bytes")), plan["budget"]["headroom_bytes"]);
    EXPECT_EQ(row.at("verdict"), plan["verdict"]);
  }
  EXPECT_GE(rows, 2U);
}

double height_to_bytes(const std::vector<Element>& ticks, double y) {
  const auto& low = ticks.front();
  const auto& high = ticks.back();
  return low.number("data-bytes") + (y - low.number("data-y")) /
                                        (high.number("data-y") - low.number("data-y")) *
                                        (high.number("data-bytes") - low.number("data-bytes"));
}

/// What a chart draws: memory on the GPU, or all of it where the RAM binds everywhere.
std::string drawn_size(const std::vector<Element>& elements) {
  for (const auto& element : elements) {
    if (element.attributes.contains("data-memory")) {
      return element.attributes.at("data-memory") == "gpu" ? "gpu_bytes" : "total_bytes";
    }
  }
  return "nothing is drawn";
}

TEST_P(Pictures, SvgDrawsWhatThePlansSay) {
  const auto svg = swept("svg").output;
  const auto faults = xml_faults(svg);
  if (faults != "no xmllint") {
    EXPECT_EQ(faults, "");
  }
  const auto elements = elements_of(svg);
  const auto ticks = of_class(elements, "tick");
  ASSERT_GE(ticks.size(), 3U);
  const double pixel = ticks.back().number("data-bytes") /
                       (ticks.front().number("data-y") - ticks.back().number("data-y"));
  const auto points = of_class(elements, "point");
  ASSERT_GE(points.size(), 2U);
  const auto size = drawn_size(elements);
  const bool gpu = size == "gpu_bytes";
  bool any_on_gpu = false;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& plan = plan_at(std::stoll(points[i].attributes.at("data-tokens")));
    any_on_gpu = any_on_gpu || plan["budget"]["binding"] == "gpu";
    EXPECT_EQ(std::stoll(points[i].attributes.at("data-bytes")), plan["memory"][size]);
    EXPECT_EQ(points[i].attributes.at("data-verdict"), plan["verdict"]);
    EXPECT_NEAR(height_to_bytes(ticks, points[i].number("data-y")), plan["memory"][size],
                0.3 * pixel);
    // The layers below it are its parts.
    for (const auto& layer : of_class(elements, "layer")) {
      std::istringstream sizes(layer.attributes.at("data-bytes"));
      std::vector<std::int64_t> all{std::istream_iterator<std::int64_t>(sizes), {}};
      ASSERT_EQ(all.size(), points.size());
      std::int64_t expected = 0;
      for (const auto& part : plan["memory"]["parts"]) {
        if ((!gpu || part["where"] == "gpu") && part["name"] == layer.attributes.at("data-part")) {
          expected += part["bytes"].get<std::int64_t>();
        }
      }
      EXPECT_EQ(all[i], expected) << layer.attributes.at("data-part");
    }
  }
  EXPECT_EQ(any_on_gpu, gpu);
  const auto& budget = plan_at(std::stoll(points[0].attributes.at("data-tokens")))["budget"];
  const auto limit = budget[gpu ? "gpu_limit_bytes" : "ram_available_bytes"].get<std::int64_t>();
  for (const auto& line : of_class(elements, "limit")) {
    EXPECT_EQ(std::stoll(line.attributes.at("data-bytes")), limit);
    EXPECT_NEAR(height_to_bytes(ticks, line.number("data-y")), static_cast<double>(limit),
                0.3 * pixel);
  }
  EXPECT_THAT(svg, HasSubstr(fmt::format("data-limit-bytes=\"{}\"", limit)));
}

TEST_P(Pictures, TheSweepsPageSaysWhatThePlansSay) {
  const auto page = swept("html").output;
  EXPECT_EQ(tag_faults(page), "");
  EXPECT_EQ(json::parse(script_of(page, "sweep")), json::parse(swept("json").output));
  std::size_t cells = 0;
  const auto elements = elements_of(page);
  for (const auto& element : elements) {
    if (element.name != "span" || !element.attributes.contains("data-tokens")) continue;
    ++cells;
    EXPECT_EQ(
        std::stoll(element.attributes.at("data-bytes")),
        plan_at(std::stoll(element.attributes.at("data-tokens")))["memory"][drawn_size(elements)]);
  }
  EXPECT_GE(cells, 2U);
}

TEST_P(Pictures, TheReportSaysWhatThePlanSays) {
  const auto context = plan_at(8192)["settings"]["context"].get<std::int64_t>();
  const auto printed = run(fmt::format("report {} -c 8192", base()));
  const auto plan = run(fmt::format("plan {} -c 8192 --json", base()));
  EXPECT_EQ(printed.exit, plan.exit);
  EXPECT_EQ(printed.errors, "");
  const auto& page = printed.output;
  EXPECT_EQ(tag_faults(page), "");
  const auto document = json::parse(plan.output);
  EXPECT_EQ(json::parse(script_of(page, "plan")), document);
  const auto elements = elements_of(page);
  EXPECT_EQ(of_class(elements, "verdict").front().attributes.at("data-verdict"),
            document["verdict"]);
  // The table of parts: every part, then the GPU's sum and the total.
  std::vector<std::int64_t> sizes;
  for (const auto& element : elements) {
    if (element.name == "span" && element.attributes.contains("data-bytes") &&
        !element.attributes.contains("data-tokens")) {
      sizes.push_back(std::stoll(element.attributes.at("data-bytes")));
    }
  }
  std::vector<std::int64_t> expected;
  for (const auto& part : document["memory"]["parts"]) expected.push_back(part["bytes"]);
  expected.push_back(document["memory"]["gpu_bytes"]);
  expected.push_back(document["memory"]["total_bytes"]);
  EXPECT_EQ(sizes, expected);
  // The chart: the plan's own context is a point of it.
  const auto chart = elements_of(drawings_of(page).at(2));
  const auto points = of_class(chart, "point");
  const auto own = std::ranges::find_if(points, [&](const Element& point) {
    return std::stoll(point.attributes.at("data-tokens")) == context;
  });
  ASSERT_NE(own, points.end());
  EXPECT_EQ(std::stoll(own->attributes.at("data-bytes")), document["memory"][drawn_size(chart)]);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Pictures,
    testing::Values(Sample{"qwen2.5-coder:0.5b", "m1-8gb", "llama.cpp", "2k.."},
                    Sample{"qwen2.5-coder:0.5b", "m4-max-128gb", "ollama", "1k..8k+1k"},
                    Sample{"llama3.1:8b", "m1-16gb", "llama.cpp", "2k..128k"},
                    Sample{"qwen3:4b", "m4-max-36gb", "mlx", "4k..32k"},
                    Sample{"qwen2.5-coder:32b", "m1-max-32gb", "llama.cpp", "4k,8k,24k,32k"},
                    Sample{"llama3.3:70b", "m1-max-32gb", "llama.cpp", "4k..64k"},
                    Sample{"deepseek-r1:671b", "m3-ultra-512gb", "llama.cpp", "2k..128k"},
                    Sample{"deepseek-r1:671b", "m4-max-128gb", "llama.cpp", "8k..32k"}));

/// With a name as somebody may write it into a file.
GgufWriter hostile_model(std::string_view name) {
  GgufWriter gguf = small_llama();
  gguf.set("general.name", name);
  return gguf;
}

class Sweeps : public Pictures {};

TEST_P(Sweeps, AxesMultiplyInOrder) {
  const auto printed =
      run("sweep qwen2.5:7b --chip m1-16gb --chip m1-max-32gb,m1-16gb --quant Q4_K_M,Q8_0 "
          "--runtime llama.cpp,ollama --cache-type f16,q8_0 --ctx 4k,2k --json");
  ASSERT_EQ(printed.exit, 0) << printed.errors;
  std::vector<std::string> order;
  const auto document = json::parse(printed.output);
  for (const auto& series : document["series"]) {
    order.push_back(fmt::format("{} {} {} {}", series["machine"]["chip"].get<std::string>(),
                                series["runtime"]["id"].get<std::string>(),
                                series["quantization"].get<std::string>(),
                                series["cache_type"].get<std::string>()));
    EXPECT_EQ(series["points"][0]["context"], 2048);
    EXPECT_EQ(series["points"][1]["context"], 4096);
  }
  ASSERT_EQ(order.size(), 16U);
  EXPECT_EQ(order[0], "m1-16gb llama.cpp Q4_K_M f16");
  EXPECT_EQ(order[1], "m1-16gb llama.cpp Q4_K_M q8_0");
  EXPECT_EQ(order[2], "m1-16gb llama.cpp Q8_0 f16");
  EXPECT_EQ(order[4], "m1-16gb ollama Q4_K_M f16");
  EXPECT_EQ(order[8], "m1-max-32gb llama.cpp Q4_K_M f16");
}

TEST_P(Sweeps, SayWhyACombinationCannotBePlanned) {
  const auto printed =
      run("sweep qwen3:4b --chip m1-max-32gb --quant Q4_K_M,4bit --runtime llama.cpp,mlx --ctx 4k "
          "--json");
  ASSERT_EQ(printed.exit, 0) << printed.errors;
  const auto series = json::parse(printed.output)["series"];
  ASSERT_EQ(series.size(), 4U);
  EXPECT_FALSE(series[0].contains("refusal"));
  EXPECT_TRUE(series[1].contains("refusal"));
  EXPECT_THAT(series[2]["refusal"].get<std::string>(), HasSubstr("MLX does not read"));
  EXPECT_EQ(series[2]["runtime"]["id"], "mlx");
  EXPECT_FALSE(series[3].contains("refusal"));
}

TEST_P(Sweeps, EndAsAPlanDoesWhenNothingCanBePlanned) {
  for (const char* format : {"text", "csv", "html"}) {
    const auto printed = run(fmt::format(
        "sweep llama3.1:8b --chip m1-16gb --cache-type q8_0 -fa off --ctx 4k --format {}", format));
    EXPECT_EQ(printed.exit, 2);
    EXPECT_EQ(printed.output, "");
    EXPECT_THAT(printed.errors, HasSubstr("use --flash-attn on"));
    EXPECT_EQ(std::ranges::count(printed.errors, '\n'), 1);
  }
}

TEST_P(Sweeps, ThreadsDoNotMatter) {
  const std::string what =
      "sweep qwen2.5:7b --chip m1-16gb --ctx 1k..32k+1k --format csv --threads ";
  const auto alone = run(what + "1");
  EXPECT_EQ(run(what + "5").output, alone.output);
  EXPECT_EQ(run(what + "0").output, alone.output);
  EXPECT_EQ(std::ranges::count(alone.output, '\n'), 1 + 3 * 32);
}

TEST_P(Sweeps, WriteFilesWhole) {
  const auto printed = run("sweep qwen2.5:7b --chip m1-16gb --format html -o page.html");
  EXPECT_EQ(printed.output, "");
  EXPECT_EQ(printed.exit, 0);
  EXPECT_EQ(tag_faults(text_of(folder_.path() / "page.html")), "");
  EXPECT_EQ(run("report qwen2.5:7b --chip m1-16gb -o no/such/folder.html").exit, 2);
}

TEST_P(Sweeps, ReadFilesWithHostileNames) {
  const std::string name = "\"><script>alert(1)</script>";
  hostile_model(name).write(folder_ / "evil.gguf");
  for (const auto* command : {"report evil.gguf --chip m1-16gb -c 512",
                              "sweep evil.gguf --chip m1-16gb --ctx 256,512 --format html"}) {
    const auto printed = run(command);
    ASSERT_EQ(printed.exit, 0) << printed.errors;
    EXPECT_EQ(tag_faults(printed.output), "");
    EXPECT_THAT(printed.output, Not(HasSubstr("<script>alert")));
  }
}

TEST_P(Sweeps, TheScriptOfAReportIsTheOneItsPolicyAllows) {
  const auto page = run("report qwen2.5:7b --chip m1-16gb").output;
  const auto begin = page.rfind("<script>") + 8;
  std::ofstream(folder_.path() / "script.js", std::ios::binary)
      << page.substr(begin, page.find("</script>", begin) - begin);
  if (std::system("command -v openssl >/dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl here";
  const auto sum = (folder_.path() / "sum").string();
  ASSERT_EQ(std::system(fmt::format("openssl dgst -sha256 -binary '{}' | openssl base64 -A > '{}'",
                                    (folder_.path() / "script.js").string(), sum)
                            .c_str()),
            0);
  EXPECT_THAT(page, HasSubstr(fmt::format("script-src 'sha256-{}'", text_of(sum))));
}

INSTANTIATE_TEST_SUITE_P(Program, Sweeps, testing::Values(Sample{"", "", "", ""}));

}  // namespace
}  // namespace membudget::test
