// SPDX-License-Identifier: MIT
#include "report/bar_svg.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/bar.hpp"
#include "report/chart_svg.hpp"
#include "report/markup_text.hpp"
#include "report/summary.hpp"

namespace membudget::report {
namespace {

constexpr double edge = 8;
constexpr double bar_top = 28;
constexpr double bar_height = 34;
constexpr double key_height = 20;

/// A text at `x` that stays inside of the drawing.
std::string near(double x, double y, const ChartStyle& style, const std::string& text) {
  const double width = text_width(text, 12);
  const bool room_left = x - width > edge;
  return svg_text(room_left ? x : std::min(x, style.width - edge - width), y,
                  room_left ? "text-anchor=\"end\"" : "", text) +
         "\n";
}

std::string filled(const Part& part, double x, double y, double width, double height,
                   const ChartStyle& style) {
  const PartLook look = part_look(part.name);
  const auto box =
      fmt::format(R"(x="{}" y="{}" width="{}" height="{}")", px(x), px(y), px(width), px(height));
  std::string out = fmt::format("<rect class=\"f{}\" {}/>", look.colour, box);
  if (look.hatching > 0) {
    out += fmt::format("<rect fill=\"url(#{}-h{})\" {}/>", style.id, look.hatching, box);
  }
  return out;
}

}  // namespace

std::string svg_bar(const Plan& plan, const ChartStyle& style) {
  const Gauge scale = gauge(plan);
  const auto whole = static_cast<double>(std::max({scale.limit, scale.used, Bytes(1)}).count());
  const double width = style.width - 2 * edge;
  const auto x_of = [&](Bytes size) {
    return edge + width * static_cast<double>(size.count()) / whole;
  };
  std::string body = fmt::format(
      "<rect class=\"axis\" fill=\"none\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
      px(edge), px(bar_top), px(x_of(scale.limit) - edge), px(bar_height));
  std::string key;
  Bytes sum;
  double key_x = edge;
  double key_y = bar_top + bar_height + 48;
  for (const Part& part : scale.parts) {
    const double from = x_of(sum);
    sum += part.bytes;
    // A part of a thousandth is still to be seen.
    const double wide = std::max(x_of(sum) - from, 1.0);
    body += fmt::format(
        "<g class=\"part\" data-part=\"{}\" data-where=\"{}\" data-bytes=\"{}\">"
        "<title>{} {}</title>{}</g>\n",
        to_string(part.name), to_string(part.where), part.bytes.count(), title(part.name),
        to_text(part.bytes), filled(part, from, bar_top, wide, bar_height, style));
    const auto name = fmt::format(
        "{}{} {}", title(part.name),
        plan.binding == Binding::ram ? fmt::format(" ({})", title(part.where)) : std::string(),
        to_text(part.bytes));
    const double needed = 18 + text_width(name, 12) + 14;
    if (key_x > edge && key_x + needed > style.width - edge) {
      key_x = edge;
      key_y += key_height;
    }
    key += filled(part, key_x, key_y - 10, 12, 12, style) + svg_text(key_x + 18, key_y, "", name) +
           "\n";
    key_x += needed;
  }
  const auto limit_name = plan.binding == Binding::gpu ? "GPU limit" : "RAM available";
  body +=
      fmt::format("<path class=\"limit\" data-bytes=\"{}\" d=\"M{} {}v{}\"/>\n",
                  scale.limit.count(), px(x_of(scale.limit)), px(bar_top - 6), px(bar_height + 12));
  body += near(x_of(scale.limit), bar_top - 10, style,
               fmt::format("{} {}", limit_name, to_text(scale.limit)));
  body +=
      fmt::format("<path class=\"safe\" data-bytes=\"{}\" d=\"M{} {}v{}\"/>\n", scale.safe.count(),
                  px(x_of(scale.safe)), px(bar_top - 4), px(bar_height + 10));
  body += near(x_of(scale.safe), bar_top + bar_height + 20, style,
               fmt::format("safe up to {}", to_text(scale.safe)));
  return svg_document(style, static_cast<int>(key_y + 14),
                      fmt::format("{} against {}", to_text(scale.used), limit_name),
                      fmt::format("{}: {}.", words(plan.verdict), verdict_detail(plan)),
                      body + key);
}

}  // namespace membudget::report
