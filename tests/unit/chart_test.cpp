// SPDX-License-Identifier: MIT
#include "membudget/chart.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "report/chart_scale.hpp"
#include "report/chart_svg.hpp"
#include "report/layout.hpp"
#include "report/markup_text.hpp"
#include "support/colour_vision.hpp"
#include "support/markup.hpp"

namespace membudget::chart_test {
namespace {

using report::MemoryScale;
using report::TokenScale;
using test::Vision;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> labels_of(const std::vector<report::Tick>& ticks) {
  std::vector<std::string> out;
  for (const auto& tick : ticks) out.push_back(tick.label);
  return out;
}

TEST(TokenTicks, StandAtPowersOfTwoOverAWideSpan) {
  const TokenScale scale(2048, 131072);
  EXPECT_TRUE(scale.logarithmic());
  EXPECT_THAT(labels_of(scale.ticks(10)),
              ElementsAre("2k", "4k", "8k", "16k", "32k", "64k", "128k"));
  EXPECT_THAT(labels_of(scale.ticks(4)), ElementsAre("2k", "8k", "32k", "128k"));
  EXPECT_DOUBLE_EQ(scale.at(2048), 0);
  EXPECT_DOUBLE_EQ(scale.at(131072), 1);
  EXPECT_NEAR(scale.at(16384), 0.5, 1e-12);
  EXPECT_NEAR(scale.tokens(0.5), 16384, 1e-6);
}

TEST(TokenTicks, MarkTheEndWhereItHasRoom) {
  EXPECT_THAT(labels_of(TokenScale(2048, 100000).ticks(10)),
              ElementsAre("2k", "4k", "8k", "16k", "32k", "64k", "100000"));
  EXPECT_THAT(labels_of(TokenScale(2048, 33000).ticks(6)),
              ElementsAre("2k", "4k", "8k", "16k", "32k"));
}

TEST(TokenTicks, AreEvenOverANarrowSpan) {
  const TokenScale scale(2048, 16384);
  EXPECT_FALSE(scale.logarithmic());
  EXPECT_THAT(labels_of(scale.ticks(9)),
              ElementsAre("2k", "4k", "6k", "8k", "10k", "12k", "14k", "16k"));
}

TEST(TokenTicks, PutOneContextInTheMiddle) {
  const TokenScale scale(8192, 8192);
  EXPECT_NEAR(scale.at(8192), 0.5, 1e-12);
  EXPECT_THAT(labels_of(scale.ticks(5)), testing::Contains("8k"));
}

TEST(TokenTicks, NeverStandTooClose) {
  for (std::int64_t first : {1L, 100L, 2048L, 5000L}) {
    for (std::int64_t last = first; last < 20'000'000; last = last * 3 / 2 + 1) {
      for (const int most : {2, 5, 9}) {
        const TokenScale scale(first, last);
        const auto ticks = scale.ticks(most);
        ASSERT_FALSE(ticks.empty());
        for (std::size_t i = 0; i + 1 < ticks.size(); ++i) {
          EXPECT_GT(scale.at(ticks[i + 1].value) - scale.at(ticks[i].value), 0.5 / most)
              << first << ".." << last << " " << most;
        }
        EXPECT_LE(ticks.size(), static_cast<std::size_t>(most) + 1);
      }
    }
  }
}

TEST(MemoryTicks, AreRoundNumbersOfGiBAtEverySize) {
  // 0.5B in 4 bits, 8B, 32B, 671B.
  EXPECT_THAT(labels_of(MemoryScale(mib(500)).ticks(6)),
              ElementsAre("0.0", "0.1", "0.2", "0.3", "0.4", "0.5"));
  EXPECT_THAT(labels_of(MemoryScale(gib(11)).ticks(6)), ElementsAre("0", "2", "4", "6", "8", "10"));
  EXPECT_THAT(labels_of(MemoryScale(gib(27)).ticks(6)),
              ElementsAre("0", "5", "10", "15", "20", "25"));
  EXPECT_THAT(labels_of(MemoryScale(gib(700)).ticks(6)), ElementsAre("0", "200", "400", "600"));
  EXPECT_THAT(labels_of(MemoryScale(mib(40)).ticks(5)),
              ElementsAre("0.00", "0.01", "0.02", "0.03", "0.04"));
}

TEST(MemoryTicks, SayWhereTheyStand) {
  for (const Bytes size : {mib(3), mib(600), gib(5), gib(24), gib(404), gib(1500)}) {
    const MemoryScale scale(size);
    EXPECT_LE(scale.at(size), 1);
    EXPECT_GT(scale.at(size), 0.9);
    for (const auto& tick : scale.ticks(6)) {
      EXPECT_NEAR(std::stod(tick.label) * 1073741824.0, tick.value, 1e-6 * scale.top());
      EXPECT_LE(tick.value, scale.top());
    }
    EXPECT_GE(scale.ticks(6).size(), 3U);
  }
}

TEST(SpreadLabels, NeverOverlapAndStayInside) {
  const auto at = report::spread({10, 11, 12, 50, 98, 99}, 16, 0, 100);
  ASSERT_EQ(at.size(), 6U);
  for (std::size_t i = 0; i + 1 < at.size(); ++i) EXPECT_GE(at[i + 1] - at[i], 16 - 1e-9);
  EXPECT_GE(at.front(), 0);
  EXPECT_LE(at.back(), 100);
  EXPECT_THAT(report::spread({20, 60}, 16, 0, 100), ElementsAre(20, 60));
}

TEST(MarkedUp, LetsNothingOut) {
  EXPECT_EQ(report::marked_up("</title><script>alert('&\"')</script>"),
            "&lt;/title&gt;&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;");
  EXPECT_EQ(report::marked_up("a\nb\x01\x7f\xff\xc0\x80"
                              "c"),
            "a?b?????c");
  // Not characters of XML, and what turns the line around.
  EXPECT_EQ(report::marked_up("\xEF\xBF\xBE|\xEF\xBF\xBF|\xE2\x81\xA6|\xE2\x80\xAE"), "?|?|?|???");
  EXPECT_EQ(report::marked_up("größer 模型 😀"), "größer 模型 😀");
}

TEST(ScriptJson, CannotEndItsElement) {
  const auto out = report::script_json(R"({"a": "</script><!--&"})");
  EXPECT_THAT(out, Not(HasSubstr("<")));
  EXPECT_EQ(out, R"({"a": "\u003c/script\u003e\u003c!--\u0026"})");
}

constexpr std::string_view hostile =
    "\"><script>alert(1)</script>]]><!-- &x; \xff\x01 \xEF\xBF\xBF '";

ChartCurve curve(std::string label, std::int64_t gib_at_end, std::int64_t max_context) {
  ChartCurve out;
  out.label = std::move(label);
  out.max_context = max_context;
  for (std::int64_t tokens = 2048; tokens <= 131072; tokens *= 2) {
    const Bytes bytes = gib(4) + Bytes(gib(gib_at_end - 4).count() / 131072 * tokens);
    out.points.push_back({tokens, bytes,
                          tokens <= max_context ? Verdict::comfortable : Verdict::does_not_fit,
                          tokens == max_context});
  }
  return out;
}

Chart example_chart(std::size_t curves) {
  Chart out;
  out.title = "example";
  out.panels.push_back({.title = "a Mac",
                        .gpu = true,
                        .limit = gib(24),
                        .safe = gib(22),
                        .curves = {},
                        .layers = {},
                        .notes = {}});
  for (std::size_t i = 0; i < curves; ++i) {
    out.panels[0].curves.push_back(
        curve(fmt::format("curve {}", i), 30 - static_cast<std::int64_t>(i), 16384));
  }
  return out;
}

TEST(SvgChart, IsWellFormedWhateverTheNamesAre) {
  Chart chart = example_chart(3);
  chart.title = chart.panels[0].title = hostile;
  chart.panels[0].curves[1].label = hostile;
  chart.panels[0].notes = {std::string(hostile)};
  for (const auto scheme : {ColourScheme::automatic, ColourScheme::light, ColourScheme::dark}) {
    const auto svg = to_svg(chart, {.scheme = scheme});
    if (const auto faults = test::xml_faults(svg); faults == "no xmllint") {
      GTEST_SKIP() << "xmllint (libxml2-utils) is not installed";
    } else {
      EXPECT_EQ(faults, "");
    }
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
  }
  EXPECT_EQ(test::xml_faults(to_svg(Chart{}, {})), "");
  EXPECT_EQ(test::xml_faults(to_svg(example_chart(1), {.width = 1, .height = 1})), "");
}

/// Bytes that stand at a height, read from two of the axis' ticks.
double bytes_at_height(const std::vector<test::Element>& ticks, double y) {
  const auto& low = ticks.front();
  const auto& high = ticks.back();
  const double share = (y - low.number("data-y")) / (high.number("data-y") - low.number("data-y"));
  return low.number("data-bytes") + share * (high.number("data-bytes") - low.number("data-bytes"));
}

TEST(SvgChart, DrawsPointsWhereTheAxisSaysTheyAre) {
  const auto chart = example_chart(4);
  const auto elements = test::elements_of(to_svg(chart, {}));
  const auto ticks = test::of_class(elements, "tick");
  const auto points = test::of_class(elements, "point");
  ASSERT_GE(ticks.size(), 3U);
  ASSERT_EQ(points.size(), 4U * 7U);
  // A tenth of a pixel, which coordinates are rounded to, at both ends.
  const double pixel = std::abs((ticks.back().number("data-bytes")) /
                                (ticks.front().number("data-y") - ticks.back().number("data-y")));
  for (const auto& point : points) {
    EXPECT_NEAR(bytes_at_height(ticks, point.number("data-y")), point.number("data-bytes"),
                0.3 * pixel);
  }
  for (const auto* line : {"limit", "safe"}) {
    const auto drawn = test::of_class(elements, line);
    ASSERT_EQ(drawn.size(), 1U);
    EXPECT_NEAR(bytes_at_height(ticks, drawn[0].number("data-y")), drawn[0].number("data-bytes"),
                0.3 * pixel);
  }
}

TEST(SvgChart, NamesCurvesWithoutOverlap) {
  for (const std::size_t curves : {2U, 5U, 10U}) {
    for (const int width : {380, 760, 1200}) {
      const auto names = test::of_class(
          test::elements_of(to_svg(example_chart(curves), {.width = width})), "name");
      ASSERT_EQ(names.size(), curves);
      std::vector<double> heights;
      for (const auto& name : names) {
        heights.push_back(name.number("y"));
        EXPECT_LT(name.number("x"), width);
      }
      std::ranges::sort(heights);
      for (std::size_t i = 0; i + 1 < heights.size(); ++i) {
        EXPECT_GE(heights[i + 1] - heights[i], 15.9);
      }
    }
  }
}

TEST(SvgChart, HidesNothingBehindAFarLimit) {
  Chart chart = example_chart(1);
  chart.panels[0].limit = gib(500);
  chart.panels[0].safe = gib(450);
  const auto svg = to_svg(chart, {});
  EXPECT_THAT(svg, HasSubstr("GPU limit 500.00 GiB, far above"));
  // The curve then takes most of the height.
  const auto elements = test::elements_of(svg);
  const auto points = test::of_class(elements, "point");
  const auto ticks = test::of_class(elements, "tick");
  EXPECT_LE(points.back().number("data-y"), ticks.back().number("data-y"));
}

TEST(SvgChart, TellsCurvesApartWithoutColour) {
  const auto elements = test::elements_of(to_svg(example_chart(10), {}));
  std::set<std::string> looks;
  for (const auto& each : test::of_class(elements, "curve")) {
    looks.insert(each.attributes.at("class"));
  }
  // Colour and dash together are never the same, and five in a row differ by dash alone.
  EXPECT_EQ(looks.size(), 10U);
  std::set<std::string> dashes;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto name = test::of_class(elements, "curve")[i].attributes.at("class");
    dashes.insert(name.substr(name.rfind(' ')));
  }
  EXPECT_EQ(dashes.size(), 5U);
}

TEST(SvgChart, TellsPartsApartWithoutColour) {
  std::set<std::pair<std::size_t, std::size_t>> looks;
  for (int i = 0; i <= static_cast<int>(PartName::runtime); ++i) {
    const auto look = report::part_look(static_cast<PartName>(i));
    EXPECT_LT(look.colour, report::light_palette.series.size());
    EXPECT_LT(look.hatching, report::hatchings().size());
    EXPECT_TRUE(looks.insert({look.colour, look.hatching}).second) << i;
  }
  // Those that nearly every plan has differ by their hatching alone.
  std::set<std::size_t> usual;
  for (const auto part : {PartName::weights, PartName::kv_cache, PartName::recurrent_state,
                          PartName::compute, PartName::output}) {
    usual.insert(report::part_look(part).hatching);
  }
  EXPECT_EQ(usual.size(), 5U);
}

TEST(ColourVision, AgreesWithPublishedPairs) {
  // Sharma, Wu, Dalal (2005), table 1, pairs 1, 7 and 17.
  EXPECT_NEAR(test::lab_difference({50, 2.6772, -79.7751}, {50, 0, -82.7485}), 2.0425, 1e-4);
  EXPECT_NEAR(test::lab_difference({50, 0, 0}, {50, -1, 2}), 2.3669, 1e-4);
  EXPECT_NEAR(test::lab_difference({50, 2.5, 0}, {73, 25, -18}), 27.1492, 1e-4);
  EXPECT_NEAR(test::contrast("#000000", "#ffffff"), 21, 1e-9);
}

TEST(Palettes, StandOutFromTheGroundAndFromEachOtherForEveryEye) {
  for (const auto* palette : {&report::light_palette, &report::dark_palette}) {
    EXPECT_GE(test::contrast(palette->ink, palette->ground), 7);
    EXPECT_GE(test::contrast(palette->muted, palette->ground), 4.5);
    for (std::size_t i = 0; i < palette->series.size(); ++i) {
      EXPECT_GE(test::contrast(palette->series[i], palette->ground), 3) << palette->series[i];
      for (std::size_t j = 0; j < i; ++j) {
        for (const auto vision :
             {Vision::usual, Vision::no_red, Vision::no_green, Vision::no_blue}) {
          EXPECT_GE(test::difference(test::seen(palette->series[i], vision),
                                     test::seen(palette->series[j], vision)),
                    10)
              << palette->series[i] << " " << palette->series[j];
        }
      }
    }
  }
}

std::vector<std::string> text_lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(TextChart, StaysWithinItsWidthAndHoldsTheLimit) {
  for (const int width : {60, 72, 80}) {
    for (const bool unicode : {true, false}) {
      for (const std::size_t curves : {1U, 3U, 10U}) {
        const auto text = to_text(example_chart(curves), {.unicode = unicode, .width = width});
        EXPECT_THAT(text, HasSubstr("GPU limit 24.00 GiB"));
        for (const auto& line : text_lines(text)) EXPECT_LE(report::columns(line), width) << line;
        if (!unicode) {
          EXPECT_TRUE(std::ranges::all_of(
              text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }));
        }
      }
    }
  }
}

TEST(TextChart, DrawsTheLimitWhereTheAxisSaysItIs) {
  const auto lines = text_lines(to_text(example_chart(2), {.unicode = false}));
  const auto limit = std::ranges::find_if(
      lines, [](const std::string& line) { return line.find("------") != std::string::npos; });
  ASSERT_NE(limit, lines.end());
  EXPECT_THAT(*limit, HasSubstr("GPU limit"));
  // Between the ticks for 20 and for 30 GiB, nearer to neither than to its own value.
  const auto row_of = [&](const std::string& label) {
    return std::ranges::find_if(lines,
                                [&](const std::string& line) {
                                  return line.find(label + " |") != std::string::npos;
                                }) -
           lines.begin();
  };
  EXPECT_LT(limit - lines.begin(), row_of("20"));
  EXPECT_GT(limit - lines.begin(), row_of("30"));
}

TEST(TextChart, NamesCurvesByLettersThatStandOnThem) {
  const auto text = to_text(example_chart(2), {.unicode = true});
  EXPECT_THAT(text, HasSubstr("a curve 0: to 16384"));
  EXPECT_THAT(text, HasSubstr("b curve 1: to 16384"));
  EXPECT_THAT(text, HasSubstr("⠤"));
}

}  // namespace
}  // namespace membudget::chart_test
