// SPDX-License-Identifier: MIT
#include "report/chart_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "report/bar.hpp"
#include "report/chart_scale.hpp"
#include "report/layout.hpp"

namespace membudget {
namespace {

using namespace report;

constexpr int chart_rows = 14;
constexpr int axis_columns = 9;  // "   24.00 |"
constexpr int dots_across = 2;   // Of a braille cell.
constexpr int dots_down = 4;

constexpr std::array<std::string_view, 5> curve_colours{"34", "33", "32", "35", "36"};

/// What stands in one column of one row.
struct Cell {
  unsigned dots = 0;  ///< Of a braille sign, from U+2800.
  std::string_view sign;
  int curve = -1;
};

/// The grid that curves are drawn on; row 0 is the top.
class Canvas {
 public:
  Canvas(int width, const ChartPanel& panel, const TextStyle& style)
      : width_(width),
        style_(style),
        extent_(extent_of(panel)),
        tokens_(extent_.first, extent_.last),
        memory_(extent_.largest),
        cells_(static_cast<std::size_t>(chart_rows * width)) {
    if (!extent_.limit_above) {
      line(panel.safe, style.unicode ? "╌" : ".");
      line(panel.limit, style.unicode ? "─" : "-");
    }
    for (std::size_t i = 0; i < panel.curves.size(); ++i) {
      curve(panel.curves[i], static_cast<int>(i), panel.curves.size() > 1);
    }
  }

  [[nodiscard]] int row_of(double bytes) const {
    return std::clamp(static_cast<int>((1 - bytes / memory_.top()) * chart_rows), 0,
                      chart_rows - 1);
  }
  [[nodiscard]] int column_of(double tokens) const {
    return std::clamp(static_cast<int>(std::lround(tokens_.at(tokens) * (width_ - 1))), 0,
                      width_ - 1);
  }
  [[nodiscard]] const TokenScale& tokens() const { return tokens_; }
  [[nodiscard]] const MemoryScale& memory() const { return memory_; }
  [[nodiscard]] const ChartExtent& extent() const { return extent_; }

  [[nodiscard]] std::string row(int at) const {
    std::string out;
    for (int column = 0; column < width_; ++column) {
      const Cell& cell = cells_[index(at, column)];
      std::string sign = cell.sign.empty() ? std::string(" ") : std::string(cell.sign);
      if (cell.dots != 0 && cell.sign.size() != 1) sign = braille(cell.dots);
      out += cell.curve < 0 ? sign : painted(sign, colour_of(cell.curve), style_);
    }
    return out;
  }

  static std::string_view colour_of(int curve) {
    return curve_colours[static_cast<std::size_t>(curve) % curve_colours.size()];
  }
  /// "a" for the first curve.
  static std::string_view letter(int curve) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";
    return letters.substr(static_cast<std::size_t>(curve) % letters.size(), 1);
  }

 private:
  [[nodiscard]] std::size_t index(int at, int column) const {
    const int out = at * width_ + column;
    return static_cast<std::size_t>(out);
  }
  Cell& cell(int at, int column) { return cells_[index(at, column)]; }

  static std::string braille(unsigned dots) {
    const unsigned code = 0x2800U + dots;
    return {static_cast<char>(0xE0U | (code >> 12U)),
            static_cast<char>(0x80U | ((code >> 6U) & 0x3FU)),
            static_cast<char>(0x80U | (code & 0x3FU))};
  }

  void line(Bytes at, std::string_view sign) {
    const int row = row_of(static_cast<double>(at.count()));
    for (int column = 0; column < width_; ++column) cell(row, column).sign = sign;
  }

  void dot(int x, int y, int curve) {
    // Dots are numbered down the left column, then down the right one, the lowest two last.
    constexpr std::array<std::array<unsigned, dots_down>, dots_across> bits{
        {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};
    Cell& at = cell(y / dots_down, x / dots_across);
    at.dots |=
        bits[static_cast<std::size_t>(x % dots_across)][static_cast<std::size_t>(y % dots_down)];
    at.curve = curve;
  }

  void curve(const ChartCurve& of, int number, bool letters) {
    const int across = style_.unicode ? dots_across : 1;
    const int down = style_.unicode ? dots_down : 1;
    const int first = column_of(static_cast<double>(of.points.front().tokens)) * across;
    const int last = column_of(static_cast<double>(of.points.back().tokens)) * across + across - 1;
    int before = -1;
    for (int x = first; x <= last; ++x) {
      const double share = width_ * across > 1 ? static_cast<double>(x) / (width_ * across - 1) : 0;
      const double bytes = bytes_at(of, tokens_.tokens(share));
      const int y = std::clamp(static_cast<int>((1 - bytes / memory_.top()) * chart_rows * down), 0,
                               chart_rows * down - 1);
      const int from = before < 0 ? y : before + (y > before ? 1 : y < before ? -1 : 0);
      for (int at = from;; at += y > at ? 1 : -1) {
        if (style_.unicode) {
          dot(x, at, number);
        } else {
          cell(at, x).sign = letters ? letter(number) : "*";
          cell(at, x).curve = number;
        }
        if (at == y) break;
      }
      before = y;
    }
    if (!letters || !style_.unicode) return;
    // Lines of dots look alike, so that the planned contexts carry the curve's letter.
    for (const ChartPoint& point : of.points) {
      Cell& at = cell(row_of(static_cast<double>(point.bytes.count())),
                      column_of(static_cast<double>(point.tokens)));
      at.sign = letter(number);
      at.curve = number;
    }
  }

  int width_;
  const TextStyle& style_;
  ChartExtent extent_;
  TokenScale tokens_;
  MemoryScale memory_;
  std::vector<Cell> cells_;
};

/// What stands at the right of a row.
struct RowLabel {
  double row = 0;
  std::string text;
  int curve = -1;
};

std::vector<RowLabel> labels_of(const ChartPanel& panel, const Canvas& canvas, int width) {
  std::vector<RowLabel> out;
  const auto add = [&](Bytes at, std::string text, int curve) {
    if (columns(text) > width) text = wrapped(text, width).front();
    out.push_back({static_cast<double>(canvas.row_of(static_cast<double>(at.count()))),
                   std::move(text), curve});
  };
  if (canvas.extent().limit_above) {
    out.push_back({0, fmt::format("limit {} above", to_text(panel.limit)), -1});
  } else {
    add(panel.limit, fmt::format("{} {}", panel.gpu ? "GPU limit" : "RAM", to_text(panel.limit)),
        -1);
    add(panel.safe, fmt::format("safe {}", to_text(panel.safe)), -1);
  }
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const ChartCurve& curve = panel.curves[i];
    const auto letter = panel.curves.size() > 1
                            ? std::string(Canvas::letter(static_cast<int>(i))) + " "
                            : std::string();
    add(curve.points.back().bytes,
        curve.max_context > 0 ? fmt::format("{}{}: to {}", letter, curve.label, curve.max_context)
                              : fmt::format("{}{}: none fits", letter, curve.label),
        static_cast<int>(i));
  }
  std::ranges::stable_sort(out, {}, &RowLabel::row);
  std::vector<double> wanted;
  wanted.reserve(out.size());
  for (const RowLabel& label : out) wanted.push_back(label.row);
  const auto spaced = spread(std::move(wanted), 1, 0, chart_rows - 1);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].row = std::round(spaced[i]);
  return out;
}

std::vector<std::string> axis_labels(const Canvas& canvas) {
  std::vector<std::string> out(chart_rows);
  for (const Tick& tick : canvas.memory().ticks(chart_rows / 3)) {
    out[static_cast<std::size_t>(canvas.row_of(tick.value))] = tick.label;
  }
  return out;
}

/// The axis with its marks, and the tokens below them.
std::pair<std::string, std::string> token_axis(const Canvas& canvas, int width, bool unicode) {
  std::vector<std::string_view> line(static_cast<std::size_t>(width), unicode ? "─" : "-");
  std::string names;
  for (const Tick& tick : canvas.tokens().ticks(std::max(2, width / 8))) {
    const int column = canvas.column_of(tick.value);
    line[static_cast<std::size_t>(column)] = unicode ? "┴" : "+";
    const int begin = std::clamp(column - static_cast<int>(tick.label.size()) / 2, 0,
                                 width - static_cast<int>(tick.label.size()));
    if (!names.empty() && columns(names) + 1 > begin) continue;
    names = left(names, begin) + tick.label;
  }
  std::string axis;
  for (const auto sign : line) axis += sign;
  return {axis, names};
}

}  // namespace

std::vector<std::string> report::drawn(const ChartPanel& panel, const TextStyle& style) {
  if (panel.curves.empty()) return {};
  int label_width = 0;
  const int most_label = std::max(12, style.width * 2 / 5);
  for (const ChartCurve& curve : panel.curves) {
    label_width = std::max(label_width, columns(printable(curve.label)) + 14);
  }
  label_width = std::min(std::max(label_width, 20), most_label);
  const int width = std::max(16, style.width - axis_columns - label_width - 1);
  ChartPanel shown = panel;
  for (ChartCurve& curve : shown.curves) curve.label = printable(curve.label, style.unicode);
  const Canvas canvas(width, shown, style);
  const auto axis = axis_labels(canvas);
  const auto labels = labels_of(shown, canvas, label_width);
  std::vector<std::string> out{right("GiB", axis_columns - 2)};
  for (int row = 0; row < chart_rows; ++row) {
    std::string line =
        right(axis[static_cast<std::size_t>(row)], axis_columns - 2) +
        (style.unicode ? (axis[static_cast<std::size_t>(row)].empty() ? " │" : " ┤") : " |") +
        canvas.row(row);
    const auto label = std::ranges::find(labels, static_cast<double>(row), &RowLabel::row);
    if (label != labels.end()) {
      line +=
          " " + (label->curve < 0 ? label->text
                                  : painted(label->text, Canvas::colour_of(label->curve), style));
    } else {
      line.erase(line.find_last_not_of(' ') + 1);
    }
    out.push_back(std::move(line));
  }
  const auto [marks, names] = token_axis(canvas, width, style.unicode);
  out.push_back(left("", axis_columns - 2) + (style.unicode ? " └" : " +") + marks);
  out.push_back(left("", axis_columns) + left(names, width) + " tokens");
  return out;
}

std::string to_text(const Chart& chart, const TextStyle& style) {
  std::string out = printable(chart.title, style.unicode) + "\n";
  for (const ChartPanel& panel : chart.panels) {
    out += fmt::format("\n{}\n", printable(panel.title, style.unicode));
    for (const auto& line : drawn(panel, style)) out += line + "\n";
    for (const auto& note : panel.notes) {
      for (const auto& line : wrapped(printable(note, style.unicode), style.width)) {
        out += line + "\n";
      }
    }
  }
  return out;
}

}  // namespace membudget
