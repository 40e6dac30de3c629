// SPDX-License-Identifier: MIT
#include "report/chart_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/layout.hpp"
#include "report/markup_text.hpp"

namespace membudget {
namespace {

using namespace report;

constexpr double text_size = 12;
constexpr double title_size = 15;
constexpr double line_height = 16;

/// The rules of one scheme; `at` begins every selector, so that nothing else in a page is touched.
std::string colours(const Palette& palette, std::string_view at) {
  std::string out = fmt::format(
      "{0} .ground{{fill:{1}}}{0} text{{fill:{2}}}{0} .muted{{fill:{3}}}{0} .grid{{stroke:{4}}}"
      "{0} .axis{{stroke:{3}}}{0} .limit,{0} .safe{{stroke:{2}}}{0} .drop{{stroke:{2}}}"
      "{0} .halo{{stroke:{1}}}{0} .hatch{{stroke:{1}}}{0} .far{{stroke:{3}}}"
      "{0} .not{{fill:{1}}}{0} .ring{{stroke:{2}}}",
      at, palette.ground, palette.ink, palette.muted, palette.grid);
  for (std::size_t i = 0; i < palette.series.size(); ++i) {
    out += fmt::format("{0} .c{1}{{stroke:{2}}}{0} .c{1} .fits{{fill:{2}}}{0} .f{1}{{fill:{2}}}",
                       at, i, palette.series[i]);
  }
  return out + "\n";
}

std::string style_sheet(const ChartStyle& style) {
  const auto at = fmt::format("#{}", style.id);
  std::string out = fmt::format(
      "<style>\n{0}{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto "
      "Sans\",sans-serif;"
      "font-size:12px}}{0} .title{{font-size:15px;font-weight:600}}"
      "{0} .grid,{0} .axis{{stroke-width:1}}{0} .line{{fill:none;stroke-width:2}}"
      "{0} .lead{{fill:none;stroke-width:1.5}}{0} .limit{{stroke-width:2.5}}"
      "{0} .safe{{stroke-width:1.5;stroke-dasharray:6 4}}{0} .drop{{fill:none;stroke-dasharray:2 "
      "3}}"
      "{0} .halo{{paint-order:stroke;stroke-width:4;stroke-linejoin:round}}"
      "{0} .hatch{{fill:none;stroke-width:1.4}}{0} .far{{fill:none;stroke-width:1;opacity:.35}}"
      "{0} .ring{{fill:none;stroke-width:1.5}}{0} .not,{0} .fits{{stroke-width:1.5}}"
      "{0} .d1 .line{{stroke-dasharray:9 4}}{0} .d2 .line{{stroke-dasharray:2 3}}"
      "{0} .d3 .line{{stroke-dasharray:12 4 2 4}}{0} .d4 .line{{stroke-dasharray:5 3}}\n",
      at);
  // The parts' outline is the sum, whole and thin.
  out += fmt::format("{0} .parts .line{{stroke-width:1.5;stroke-dasharray:none}}\n", at);
  out += colours(style.scheme == ColourScheme::dark ? dark_palette : light_palette, at);
  if (style.scheme == ColourScheme::automatic) {
    // Only screens: paper is white whatever the reader prefers.
    out += fmt::format("@media screen and (prefers-color-scheme:dark){{{}}}\n",
                       colours(dark_palette, at));
  }
  return out + "</style>\n";
}

std::string definitions(const ChartStyle& style) {
  std::string out = "<defs>\n";
  for (std::size_t i = 1; i < hatchings().size(); ++i) {
    out += fmt::format(
        "<pattern id=\"{}-h{}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><path "
        "class=\"hatch\" d=\"{}\"/></pattern>\n",
        style.id, i, hatchings()[i]);
  }
  return out + fmt::format(
                   "<pattern id=\"{}-over\" width=\"8\" height=\"8\" "
                   "patternUnits=\"userSpaceOnUse\"><path class=\"far\" d=\"M-2 10L10 -2M-2 2L2 "
                   "-2M6 10L10 6\"/></pattern>\n</defs>\n",
                   style.id);
}

/// What a reader hears instead of the drawing.
std::string description(const Chart& chart) {
  std::string out;
  for (const ChartPanel& panel : chart.panels) {
    if (!panel.title.empty()) out += fmt::format("{}. ", panel.title);
    out += fmt::format("{} memory in GiB against context in tokens.", panel.gpu ? "GPU" : "All");
    if (!panel.curves.empty()) {
      out += fmt::format(" Limit {}, safe up to {}.", to_text(panel.limit), to_text(panel.safe));
    }
    for (const ChartCurve& curve : panel.curves) {
      const auto& [first, last] = std::pair(curve.points.front(), curve.points.back());
      out +=
          fmt::format(" {}: {} at {} tokens, {} at {}; {}.", curve.label, to_text(first.bytes),
                      first.tokens, to_text(last.bytes), last.tokens,
                      curve.max_context > 0 ? fmt::format("up to {} tokens fit", curve.max_context)
                                            : std::string("no context fits"));
    }
    for (const auto& note : panel.notes) out += " " + note;
    out += " ";
  }
  return out;
}

std::string drawn_axes(const ChartPanel& panel, const PlotFrame& frame) {
  std::string out;
  const int vertical = static_cast<int>(frame.height / 36);
  for (const Tick& tick : frame.memory.ticks(std::max(vertical, 3))) {
    const double y = frame.y(tick.value);
    out += fmt::format(
        "<g class=\"tick\" data-bytes=\"{:.0f}\" data-y=\"{}\"><path class=\"grid\" "
        "d=\"M{} {}H{}\"/>{}</g>\n",
        tick.value, px(y), px(frame.left), px(y), px(frame.right()),
        svg_text(frame.left - 8, y + 4, R"(class="muted" text-anchor="end")", tick.label));
  }
  const int horizontal = static_cast<int>(frame.width / 46);
  for (const Tick& tick : frame.tokens.ticks(horizontal)) {
    const double x = frame.x(tick.value);
    out += fmt::format(
        "<g class=\"xtick\" data-tokens=\"{:.0f}\" data-x=\"{}\"><path class=\"axis\" "
        "d=\"M{} {}v5\"/>{}</g>\n",
        tick.value, px(x), px(x), px(frame.bottom()),
        svg_text(x, frame.bottom() + 19, R"(class="muted" text-anchor="middle")", tick.label));
  }
  out += fmt::format("<path class=\"axis\" fill=\"none\" d=\"M{} {}V{}H{}\"/>\n", px(frame.left),
                     px(frame.top), px(frame.bottom()), px(frame.right()));
  out += svg_text(frame.left, frame.top - 10, R"(class="muted")",
                  panel.gpu ? "GPU memory, GiB" : "memory, GiB") +
         "\n";
  return out +
         svg_text(frame.right(), frame.bottom() + 38, R"(class="muted" text-anchor="end")",
                  "context, tokens (1k = 1024)") +
         "\n";
}

/// How much of a curve runs through a label of that width above the line of `y`, on the left or on
/// the right.
int crossings(const ChartPanel& panel, const PlotFrame& frame, double from, double to, double top,
              double bottom) {
  int out = 0;
  for (const ChartCurve& curve : panel.curves) {
    const double first = frame.x(static_cast<double>(curve.points.front().tokens));
    const double last = frame.x(static_cast<double>(curve.points.back().tokens));
    const double left = std::max(from, first);
    const int steps = static_cast<int>(std::floor((std::min(to, last) - left) / 4));
    for (int step = 0; step <= steps; ++step) {
      const double x = left + step * 4;
      const double y =
          frame.y(bytes_at(curve, frame.tokens.tokens((x - frame.left) / frame.width)));
      if (y > top - 4 && y < bottom + 4) ++out;
    }
  }
  return out;
}

/// A text above or below a line, on the side that the curves leave free.
std::string line_label(const ChartPanel& panel, const PlotFrame& frame, double baseline,
                       const std::string& text) {
  const double width = text_width(text, text_size);
  const double top = baseline - 10;
  const int at_left =
      crossings(panel, frame, frame.left + 6, frame.left + 6 + width, top, baseline + 2);
  const int at_right =
      crossings(panel, frame, frame.right() - 6 - width, frame.right() - 6, top, baseline + 2);
  return at_right < at_left
             ? svg_text(frame.right() - 6, baseline, R"(class="halo" text-anchor="end")", text)
             : svg_text(frame.left + 6, baseline, R"(class="halo")", text);
}

std::string drawn_limits(const ChartPanel& panel, const PlotFrame& frame, bool above) {
  const auto name = panel.gpu ? "GPU limit" : "RAM available";
  if (above) {
    auto text = fmt::format("↑ {} {}, far above", name, to_text(panel.limit));
    if (text_width(text, text_size) > frame.width - 12) {
      text = fmt::format("↑ limit {}", to_text(panel.limit));
    }
    return line_label(panel, frame, frame.top + 14, text);
  }
  const double limit = frame.y(panel.limit);
  const double safe = frame.y(panel.safe);
  std::string out =
      fmt::format("<path fill=\"url(#{}-over)\" d=\"M{} {}H{}V{}H{}Z\"/>\n", frame.id,
                  px(frame.left), px(frame.top), px(frame.right()), px(limit), px(frame.left));
  out += fmt::format("<path class=\"limit\" data-bytes=\"{}\" data-y=\"{}\" d=\"M{} {}H{}\"/>\n",
                     panel.limit.count(), px(limit), px(frame.left), px(limit), px(frame.right()));
  out += fmt::format("<path class=\"safe\" data-bytes=\"{}\" data-y=\"{}\" d=\"M{} {}H{}\"/>\n",
                     panel.safe.count(), px(safe), px(frame.left), px(safe), px(frame.right()));
  return out;
}

/// Over the curves, so that they can be read.
std::string drawn_limit_names(const ChartPanel& panel, const PlotFrame& frame, bool above) {
  if (above) return {};
  const auto name = panel.gpu ? "GPU limit" : "RAM available";
  return line_label(panel, frame, frame.y(panel.limit) - 5,
                    fmt::format("{} {}", name, to_text(panel.limit))) +
         "\n" +
         line_label(panel, frame, frame.y(panel.safe) + 15,
                    fmt::format("safe up to {}", to_text(panel.safe))) +
         "\n";
}

std::string lines_of_text(std::string_view text, double x, double& y, double width,
                          std::string_view attributes) {
  std::string out;
  const int columns_of_width = std::max(20, static_cast<int>(width / text_width("x", text_size)));
  for (const auto& line : wrapped(printable(text), columns_of_width)) {
    out += svg_text(x, y, attributes, line) + "\n";
    y += line_height;
  }
  return out;
}

/// Draws from `y` down and leaves it below.
std::string drawn_panel(const ChartPanel& panel, const ChartStyle& style, double& y) {
  constexpr double left = 52;
  const double right_end = style.width - 8.0;
  std::string out = "<g class=\"panel\">\n";
  if (!panel.title.empty()) {
    out += lines_of_text(panel.title, 8, y, style.width - 16.0, R"(class="muted")");
  }
  if (!panel.curves.empty()) {
    const ChartExtent extent = extent_of(panel);
    double labels = 0;
    for (const auto& label : end_labels(panel)) {
      labels = std::max(labels, text_width(label, text_size));
    }
    labels = std::min(labels + 24, style.width * 0.42);
    const PlotFrame frame{.left = left,
                          .top = y + 18,
                          .width = right_end - labels - left,
                          .height = std::max(style.height, 240) - 130.0,
                          .labels = labels,
                          .tokens = TokenScale(extent.first, extent.last),
                          .memory = MemoryScale(extent.largest),
                          .id = style.id};
    out += fmt::format("<g class=\"{}\" data-memory=\"{}\" data-limit-bytes=\"{}\">\n",
                       panel.layers.empty() ? "curves" : "parts", panel.gpu ? "gpu" : "all",
                       panel.limit.count());
    out += drawn_axes(panel, frame);
    const auto limits = drawn_limits(panel, frame, extent.limit_above);
    // Areas would cover a line below them; lines may cross it.
    if (panel.layers.empty()) {
      out += limits + drawn_curves(panel, frame);
    } else {
      out += drawn_curves(panel, frame) + limits;
    }
    out += drawn_limit_names(panel, frame, extent.limit_above) + "</g>\n";
    y = frame.bottom() + 54;
  }
  for (const auto& note : panel.notes) {
    out += lines_of_text(note, 8, y, style.width - 16.0, R"(class="muted")");
  }
  y += 14;
  return out + "</g>\n";
}

std::string drawn_chart(const Chart& chart, const ChartStyle& style) {
  double y = 22;
  std::string body = fmt::format(
      "<g><title>{}</title>{}</g>\n", marked_up(chart.title),
      svg_text(8, y, "class=\"title\"", fitted(chart.title, style.width - 16.0, title_size)));
  y += 20;
  for (const ChartPanel& panel : chart.panels) body += drawn_panel(panel, style, y);
  return svg_document(style, static_cast<int>(std::ceil(y)),
                      fmt::format("Memory against context: {}", chart.title), description(chart),
                      body);
}

}  // namespace

PartLook report::part_look(PartName part) {
  switch (part) {
    case PartName::weights:
      return {0, 0};
    case PartName::kv_cache:
      return {1, 1};
    case PartName::recurrent_state:
      return {3, 2};
    case PartName::compute:
      return {2, 3};
    case PartName::output:
      return {3, 4};
    case PartName::projector:
      return {3, 5};
    case PartName::adapter:
      return {1, 4};
    case PartName::draft:
      return {0, 2};
    case PartName::prompt_cache:
      return {2, 1};
    case PartName::runtime:
      return {0, 5};
  }
  return {};
}

const std::array<std::string_view, 6>& report::hatchings() {
  static constexpr std::array<std::string_view, 6> out{"",
                                                       "M-2 10L10 -2M-2 2L2 -2M6 10L10 6",
                                                       "M-2 -2L10 10M6 -2L10 2M-2 6L2 10",
                                                       "M1 2h2M5 6h2",
                                                       "M0 4H8",
                                                       "M4 0V8"};
  return out;
}

std::string report::px(double value) {
  return fmt::format("{:.1f}", value);
}

std::string report::svg_text(double x, double y, std::string_view attributes,
                             std::string_view text) {
  return fmt::format(R"(<text x="{}" y="{}" {}>{}</text>)", px(x), px(y), attributes,
                     marked_up(text));
}

double report::text_width(std::string_view text, double size) {
  constexpr double average = 0.56;  // Of the em, in sans-serif fonts' digits and small letters.
  return columns(text) * size * average;
}

std::string report::fitted(std::string_view text, double width, double size) {
  std::string whole = printable(text);
  if (text_width(whole, size) <= width) return whole;
  const int most = std::max(1, static_cast<int>(width / text_width("x", size)) - 1);
  std::string out;
  for (std::size_t i = 0, count = 0; i < whole.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(whole[i]) & 0xC0U) != 0x80U;
    if (begins && ++count > static_cast<std::size_t>(most)) break;
    out += whole[i];
  }
  return out + "…";
}

std::string report::svg_document(const ChartStyle& style, int height, std::string_view title,
                                 std::string_view description, std::string_view body) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{0}\" width=\"{1}\" height=\"{2}\" "
             "viewBox=\"0 0 {1} {2}\" role=\"img\" aria-labelledby=\"{0}-title {0}-desc\">\n"
             "<title id=\"{0}-title\">{3}</title>\n<desc id=\"{0}-desc\">{4}</desc>\n",
             style.id, style.width, height, marked_up(title), marked_up(description)) +
         style_sheet(style) + definitions(style) +
         fmt::format("<rect class=\"ground\" width=\"{}\" height=\"{}\"/>\n", style.width, height) +
         std::string(body) + "</svg>\n";
}

std::string to_svg(const Chart& chart, const ChartStyle& style) {
  ChartStyle usable = style;
  usable.width = std::max(style.width, 320);
  return drawn_chart(chart, usable);
}

}  // namespace membudget
