// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/chart.hpp"
#include "report/chart_scale.hpp"

namespace membudget::report {

/// Colours of one scheme. Curves and parts take Okabe and Ito's (jfly.uni-koeln.de/color), on light
/// paper those of them that stand out from it.
struct Palette {
  std::string_view ground;
  std::string_view ink;
  std::string_view muted;
  std::string_view grid;
  std::array<std::string_view, 5> series;
};
inline constexpr Palette light_palette{"#ffffff",
                                       "#1b1f24",
                                       "#57606a",
                                       "#d8dee4",
                                       {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000"}};
inline constexpr Palette dark_palette{"#12161c",
                                      "#e6edf3",
                                      "#9aa5b1",
                                      "#343b44",
                                      {"#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442"}};

/// A part's colour, an index into Palette::series, and its hatching.
struct PartLook {
  std::size_t colour = 0;
  std::size_t hatching = 0;  ///< 0 = plain; an index into hatchings().
};
[[nodiscard]] PartLook part_look(PartName part);
/// Path data of one tile of 8 by 8 for each hatching.
[[nodiscard]] const std::array<std::string_view, 6>& hatchings();

/// Where a panel's drawing stands.
struct PlotFrame {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
  double labels = 0;  ///< Room on the right for names.
  TokenScale tokens;
  MemoryScale memory;
  std::string id;

  [[nodiscard]] double x(double tokens_at) const { return left + tokens.at(tokens_at) * width; }
  [[nodiscard]] double y(Bytes size) const { return top + height * (1 - memory.at(size)); }
  [[nodiscard]] double y(double bytes) const { return top + height * (1 - bytes / memory.top()); }
  [[nodiscard]] double bottom() const { return top + height; }
  [[nodiscard]] double right() const { return left + width; }
};

/// A text element. `attributes` are written as they are, `text` is escaped.
[[nodiscard]] std::string svg_text(double x, double y, std::string_view attributes,
                                   std::string_view text);
/// About how wide a text is, rather too wide than too narrow.
[[nodiscard]] double text_width(std::string_view text, double size);
/// The text, cut to a width and then with an ellipsis.
[[nodiscard]] std::string fitted(std::string_view text, double width, double size);
/// "12.5": coordinates to a tenth of a pixel.
[[nodiscard]] std::string px(double value);

/// A whole SVG document with the style sheet and the hatchings that `body` may use.
[[nodiscard]] std::string svg_document(const ChartStyle& style, int height, std::string_view title,
                                       std::string_view description, std::string_view body);

/// Names at the right end of a panel, as wide as they are.
[[nodiscard]] std::vector<std::string> end_labels(const ChartPanel& panel);
/// The curves, or the layers of the only one, with their names.
[[nodiscard]] std::string drawn_curves(const ChartPanel& panel, const PlotFrame& frame);

}  // namespace membudget::report
