// SPDX-License-Identifier: MIT
#include "membudget/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/sweep_panels.hpp"

namespace membudget {
namespace {

using report::SweepPanel;

struct Figures {
  std::int64_t tokens = 0;
  const PlanFigures* plan = nullptr;
  bool largest = false;
};

/// What was planned of a series, with the largest context where it lies among the others.
std::vector<Figures> planned_of(const SweepSeries& series) {
  std::vector<Figures> out;
  for (const SweepPoint& point : series.points) {
    if (point.plan) out.push_back({point.asked, &*point.plan, point.asked == series.max_context});
  }
  if (out.empty() || !series.at_max) return out;
  const auto after = std::ranges::find_if(
      out, [&](const Figures& each) { return each.tokens >= series.max_context; });
  const bool inside = after != out.begin() && after != out.end();
  if (inside && after->tokens != series.max_context) {
    out.insert(after, {series.max_context, &*series.at_max, true});
  }
  return out;
}

/// The parts that count against the limit, each name once, in the order of the first plan's.
std::vector<ChartLayer> chart_layers(const std::vector<Figures>& points, bool gpu) {
  std::vector<ChartLayer> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (const PartSize& part : points[i].plan->parts) {
      if (gpu && part.where != Place::gpu) continue;
      auto layer = std::ranges::find(out, part.name, &ChartLayer::part);
      if (layer == out.end()) {
        out.push_back({part.name, std::vector<Bytes>(points.size())});
        layer = out.end() - 1;
      }
      layer->bytes[i] += part.bytes;
    }
  }
  return out;
}

ChartPanel chart_panel(const SweepPanel& panel) {
  ChartPanel out;
  out.title = panel.title;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const SweepSeries& series = *panel.series[i];
    const auto points = planned_of(series);
    if (points.empty()) continue;
    if (out.curves.empty()) {
      out.gpu = panel.gpu;
      out.limit = panel.gpu ? series.gpu_limit : series.ram_available;
      out.safe = std::max(Bytes{}, out.limit - series.safety_margin);
      out.layers = chart_layers(points, panel.gpu);
    } else {
      out.layers.clear();
    }
    ChartCurve& curve = out.curves.emplace_back();
    curve.label = panel.labels[i];
    curve.max_context = series.max_context;
    for (const Figures& point : points) {
      curve.points.push_back(
          {point.tokens, report::counted(*point.plan, panel), point.plan->verdict, point.largest});
    }
  }
  out.notes = report::refusals_of(panel);
  if (auto note = report::other_limit(panel); !note.empty()) out.notes.push_back(std::move(note));
  return out;
}

}  // namespace

Chart chart_of(const Sweep& sweep) {
  Chart out;
  out.title = report::title_of(sweep);
  for (const SweepPanel& panel : report::panels_of(sweep, report::most_series)) {
    out.panels.push_back(chart_panel(panel));
  }
  return out;
}

std::string to_svg(const Sweep& sweep, const ChartStyle& style) {
  return to_svg(chart_of(sweep), style);
}

}  // namespace membudget
