// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/report.hpp"
#include "membudget/sweep.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A context and what it takes of the memory that a panel is about.
struct ChartPoint {
  std::int64_t tokens = 0;
  Bytes bytes;
  Verdict verdict = Verdict::does_not_fit;
  bool largest = false;  ///< max_context() of its curve: one step more does not fit.
};

/// A quantization and a cache type.
struct ChartCurve {
  std::string label;               ///< What tells it from the other curves of its panel: "q8_0".
  std::vector<ChartPoint> points;  ///< Ascending; straight in tokens between them. Never empty.
  std::int64_t max_context = 0;    ///< Also where the points do not reach it; 0 = none fits.
};

/// A part of a panel's only curve; the layers sum to it.
struct ChartLayer {
  PartName part = PartName::weights;
  std::vector<Bytes> bytes;  ///< One per point of the curve.
};

/// One machine with one runtime.
struct ChartPanel {
  std::string title;  ///< "Apple M1 Max, 32.00 GiB RAM, macOS 26; llama.cpp b10587"
  bool gpu = true;    ///< GPU memory against Metal's limit; false: all memory against the RAM.
  Bytes limit;
  Bytes safe;  ///< The limit less the safety margin.
  std::vector<ChartCurve> curves;
  std::vector<ChartLayer> layers;  ///< Of a single curve, from the bottom up; else empty.
  std::vector<std::string> notes;  ///< What the drawing cannot show, a sentence each.
};

/// Memory against context, ready to be drawn. Strings may hold anything: writers escape them.
struct Chart {
  std::string title;
  std::vector<ChartPanel> panels;
};

/// A panel for each machine and runtime of `sweep`.
[[nodiscard]] Chart chart_of(const Sweep& sweep);

/// The ground a drawing is made for.
enum class ColourScheme : std::uint8_t {
  automatic,  ///< As the reader's system is set; light on paper.
  light,
  dark,
};

/// How a drawing looks.
struct ChartStyle {
  int width = 760;   ///< In CSS pixels, at least 320; the drawing scales with its frame.
  int height = 420;  ///< Of each panel, at least 240.
  /// Begins the ids in the document; several drawings in one page need several.
  std::string id = "chart";
  ColourScheme scheme = ColourScheme::automatic;
};

/// A stand-alone SVG document, also good inside of HTML: without scripts, fonts or anything from
/// elsewhere. Curves differ by colour (Okabe and Ito's palette), dashes, markers and a name beside
/// their end; parts by colour and hatching. What fits has filled markers. Every marker says its
/// numbers in `data-tokens` and `data-bytes`, every tick of the vertical axis in `data-bytes`.
[[nodiscard]] std::string to_svg(const Chart& chart, const ChartStyle& style);
/// to_svg(chart_of(sweep), style)
[[nodiscard]] std::string to_svg(const Sweep& sweep, const ChartStyle& style);

/// The panels in a terminal: braille with style.unicode, else ASCII; names at the curves' ends.
[[nodiscard]] std::string to_text(const Chart& chart, const TextStyle& style);

}  // namespace membudget
#pragma GCC visibility pop
