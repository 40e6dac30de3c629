// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "report/chart_svg.hpp"
#include "report/layout.hpp"
#include "report/markup_text.hpp"
#include "report/summary.hpp"

namespace membudget::report {
namespace {

constexpr double label_size = 12;
constexpr double label_height = 16;
constexpr std::size_t curve_looks = 5;  // Of colours, dashes and markers.

/// Contexts at which a line through the points of a curve needs a corner: on a logarithmic scale
/// what is straight in tokens is bent.
std::vector<double> corners(const ChartCurve& curve, const TokenScale& scale) {
  std::vector<double> out;
  for (std::size_t i = 0; i + 1 < curve.points.size(); ++i) {
    const auto from = static_cast<double>(curve.points[i].tokens);
    const auto to = static_cast<double>(curve.points[i + 1].tokens);
    const int pieces = scale.logarithmic() ? 6 : 1;
    for (int piece = 0; piece < pieces; ++piece) {
      out.push_back(from + (to - from) * piece / pieces);
    }
  }
  out.push_back(static_cast<double>(curve.points.back().tokens));
  return out;
}

std::string marker(std::size_t shape, double x, double y, double r) {
  const auto path = [&](std::initializer_list<std::pair<double, double>> corners_of) {
    std::string out;
    for (const auto& [dx, dy] : corners_of) {
      out += fmt::format("{}{} {}", out.empty() ? "M" : "L", px(x + dx * r), px(y + dy * r));
    }
    return out + "Z";
  };
  switch (shape % curve_looks) {
    case 1:
      return path({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
    case 2:
      return path({{0, -1.2}, {1.1, 0.8}, {-1.1, 0.8}});
    case 3:
      return path({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
    case 4:
      return path({{0, 1.2}, {1.1, -0.8}, {-1.1, -0.8}});
    default:
      break;
  }
  return fmt::format("M{0} {1}a{2} {2} 0 1 0 {3} 0a{2} {2} 0 1 0 -{3} 0Z", px(x - r), px(y), px(r),
                     px(2 * r));
}

std::string drawn_point(const ChartPoint& point, const ChartCurve& curve, std::size_t shape,
                        const PlotFrame& frame) {
  const double x = frame.x(static_cast<double>(point.tokens));
  const double y = frame.y(point.bytes);
  const bool good = fits(point.verdict);
  std::string out = fmt::format(
      "<g class=\"point\" data-tokens=\"{}\" data-bytes=\"{}\" data-x=\"{}\" data-y=\"{}\" "
      "data-verdict=\"{}\"><title>{}: {} at {} tokens, {}{}</title>",
      point.tokens, point.bytes.count(), px(x), px(y), to_string(point.verdict),
      marked_up(curve.label), to_text(point.bytes), point.tokens, words(point.verdict),
      point.largest ? "; the largest context that fits" : "");
  if (point.largest) {
    out += fmt::format(R"(<circle class="ring" cx="{}" cy="{}" r="8"/>)", px(x), px(y));
  }
  return out + fmt::format("<path class=\"{}\" d=\"{}\"/></g>\n", good ? "fits" : "not",
                           marker(shape, x, y, 3.6));
}

std::string drawn_curve(const ChartCurve& curve, std::size_t number, const PlotFrame& frame) {
  std::string line;
  for (const double tokens : corners(curve, frame.tokens)) {
    line += fmt::format("{}{} {}", line.empty() ? "M" : "L", px(frame.x(tokens)),
                        px(frame.y(bytes_at(curve, tokens))));
  }
  // From the sixth on colours and markers come again, with another dash.
  std::string out = fmt::format(
      "<g class=\"curve c{} d{}\" data-curve=\"{}\" data-max-context=\"{}\">\n"
      "<path class=\"line\" d=\"{}\"/>\n",
      number % curve_looks, (number + number / curve_looks) % curve_looks, marked_up(curve.label),
      curve.max_context, line);
  for (const ChartPoint& point : curve.points) out += drawn_point(point, curve, number, frame);
  return out + "</g>\n";
}

/// A name beside the end of a line, and where that end is.
struct EndLabel {
  double y = 0;
  std::string text;
  std::string classes;  ///< Of the line that leads there.
};

std::string drawn_labels(std::vector<EndLabel> labels, const PlotFrame& frame) {
  std::ranges::stable_sort(labels, {}, &EndLabel::y);
  std::vector<double> wanted;
  wanted.reserve(labels.size());
  for (const EndLabel& label : labels) wanted.push_back(label.y);
  const auto at = spread(std::move(wanted), label_height, frame.top + 4, frame.bottom() - 4);
  std::string out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double x = frame.right();
    out += fmt::format("<path class=\"lead {}\" d=\"M{} {}L{} {}\"/>\n", labels[i].classes,
                       px(x + 5), px(labels[i].y), px(x + 17), px(at[i]));
    out += fmt::format("<g><title>{}</title>{}</g>\n", marked_up(labels[i].text),
                       svg_text(x + 20, at[i] + 4, "class=\"name\"",
                                fitted(labels[i].text, frame.labels - 22, label_size)));
  }
  return out;
}

std::string drawn_layers(const ChartPanel& panel, const PlotFrame& frame) {
  const ChartCurve& curve = panel.curves.front();
  const auto at = corners(curve, frame.tokens);
  ChartCurve below = curve;
  for (ChartPoint& point : below.points) point.bytes = Bytes{};
  std::string out;
  const auto corner = [&](const ChartCurve& edge, double tokens) {
    return fmt::format("{} {}", px(frame.x(tokens)), px(frame.y(bytes_at(edge, tokens))));
  };
  const bool single = curve.points.size() == 1;
  for (const ChartLayer& layer : panel.layers) {
    ChartCurve above = below;
    std::string sizes;
    for (std::size_t i = 0; i < layer.bytes.size(); ++i) {
      above.points[i].bytes += layer.bytes[i];
      sizes += fmt::format("{}{}", sizes.empty() ? "" : " ", layer.bytes[i].count());
    }
    std::string path;
    if (single) {
      // One context is a column.
      const double x = frame.x(static_cast<double>(curve.points.front().tokens));
      const double top = frame.y(above.points.front().bytes);
      const double bottom = frame.y(below.points.front().bytes);
      path = fmt::format("M{0} {2}H{1}V{3}H{0}", px(x - 30), px(x + 30), px(top), px(bottom));
    } else {
      for (const double tokens : at)
        path += fmt::format("{}{}", path.empty() ? "M" : "L", corner(above, tokens));
      for (auto tokens = at.rbegin(); tokens != at.rend(); ++tokens) {
        path += fmt::format("L{}", corner(below, *tokens));
      }
    }
    const PartLook look = part_look(layer.part);
    out += fmt::format(
        "<g class=\"layer\" data-part=\"{}\" data-bytes=\"{}\"><title>{}</title>"
        "<path class=\"f{}\" d=\"{}Z\"/>",
        to_string(layer.part), sizes, title(layer.part), look.colour, path);
    if (look.hatching > 0) {
      out += fmt::format("<path fill=\"url(#{}-h{})\" d=\"{}Z\"/>", frame.id, look.hatching, path);
    }
    out += "</g>\n";
    below = std::move(above);
  }
  return out;
}

/// How far the context reaches, down to the axis.
std::string drawn_largest(const ChartCurve& curve, const PlotFrame& frame) {
  const auto largest = std::ranges::find(curve.points, true, &ChartPoint::largest);
  if (largest == curve.points.end()) return {};
  const double x = frame.x(static_cast<double>(largest->tokens));
  const bool left_half = x < frame.left + frame.width / 2;
  return fmt::format("<path class=\"drop\" d=\"M{0} {1}V{2}\"/>\n", px(x),
                     px(frame.y(largest->bytes)), px(frame.bottom())) +
         svg_text(x + (left_half ? 6 : -6), frame.bottom() - 8,
                  left_half ? R"(class="halo")" : R"(class="halo" text-anchor="end")",
                  fmt::format("{} tokens fit", largest->tokens)) +
         "\n";
}

double end_of(const ChartCurve& curve, const PlotFrame& frame) {
  return frame.y(curve.points.back().bytes);
}

}  // namespace

std::vector<std::string> end_labels(const ChartPanel& panel) {
  std::vector<std::string> out;
  if (!panel.layers.empty()) {
    const ChartPoint& last = panel.curves.front().points.back();
    for (const ChartLayer& layer : panel.layers) {
      out.push_back(fmt::format("{} {}", title(layer.part), to_text(layer.bytes.back())));
    }
    out.push_back(fmt::format("{}: {}", short_tokens(last.tokens), to_text(last.bytes)));
    return out;
  }
  for (const ChartCurve& curve : panel.curves) {
    out.push_back(curve.max_context > 0 ? fmt::format("{}: to {}", curve.label, curve.max_context)
                                        : fmt::format("{}: none fits", curve.label));
  }
  return out;
}

std::string drawn_curves(const ChartPanel& panel, const PlotFrame& frame) {
  const auto names = end_labels(panel);
  std::vector<EndLabel> labels;
  std::string out;
  if (!panel.layers.empty()) {
    const ChartCurve& curve = panel.curves.front();
    out += drawn_layers(panel, frame) + drawn_curve(curve, 4, frame) + drawn_largest(curve, frame);
    Bytes sum;
    for (std::size_t i = 0; i < panel.layers.size(); ++i) {
      const Bytes size = panel.layers[i].bytes.back();
      const double middle = (frame.y(sum) + frame.y(sum + size)) / 2;
      labels.push_back(
          {middle, names[i], fmt::format("c{}", part_look(panel.layers[i].part).colour)});
      sum += size;
    }
    labels.push_back({end_of(curve, frame) - 2, names.back(), "c4"});
  } else {
    for (std::size_t i = 0; i < panel.curves.size(); ++i) {
      out += drawn_curve(panel.curves[i], i, frame);
      labels.push_back(
          {end_of(panel.curves[i], frame), names[i], fmt::format("c{}", i % curve_looks)});
    }
  }
  return out + drawn_labels(std::move(labels), frame);
}

}  // namespace membudget::report
