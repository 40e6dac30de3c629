// SPDX-License-Identifier: MIT
#include "report/sweep_panels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace membudget::report {
namespace {

bool same_panel(const SweepSeries& a, const SweepSeries& b) {
  return a.chip == b.chip && a.system == b.system && a.runtime == b.runtime &&
         a.runtime_version == b.runtime_version;
}

/// Whether a member differs between series.
template <class Member>
bool differs(const std::vector<const SweepSeries*>& series, Member member) {
  return std::ranges::any_of(
      series, [&](const SweepSeries* each) { return each->*member != series.front()->*member; });
}

std::string panel_title(const SweepSeries& series) {
  auto out =
      fmt::format("{}, {} RAM, {}", series.chip_name.empty() ? series.chip : series.chip_name,
                  to_text(series.ram), series.system);
  // Two bins of a chip have one name.
  if (!series.chip_name.empty()) out = fmt::format("{} ({})", out, series.chip);
  return fmt::format("{}; {} {}", out, series.runtime, series.runtime_version);
}

void name_series(SweepPanel& panel) {
  const bool quantizations = differs(panel.series, &SweepSeries::quantization);
  const bool caches = differs(panel.series, &SweepSeries::cache_type);
  for (const SweepSeries* each : panel.series) {
    std::string label;
    if (quantizations) label = each->quantization.empty() ? "default" : each->quantization;
    if (caches) label += fmt::format("{}{}", label.empty() ? "" : " ", each->cache_type);
    if (label.empty()) label = each->quantization.empty() ? each->cache_type : each->quantization;
    panel.labels.push_back(std::move(label));
  }
}

/// Whether the GPU's limit binds anywhere; also where nothing can be planned.
bool gpu_binds(const std::vector<const SweepSeries*>& series) {
  bool planned = false;
  for (const SweepSeries* each : series) {
    for (const SweepPoint& point : each->points) {
      if (!point.plan) continue;
      if (point.plan->binding == Binding::gpu) return true;
      planned = true;
    }
  }
  return !planned && series.front()->metal;
}

/// A panel of too many series, by quantization.
std::vector<SweepPanel> divided(SweepPanel panel, std::size_t most) {
  if (panel.series.size() <= most) return {std::move(panel)};
  std::vector<SweepPanel> out;
  for (const SweepSeries* each : panel.series) {
    if (out.empty() || out.back().series.back()->quantization != each->quantization) {
      out.push_back({fmt::format("{}; {}", panel.title, each->quantization), {}, {}, true});
    }
    out.back().series.push_back(each);
  }
  return out;
}

}  // namespace

std::vector<SweepPanel> panels_of(const Sweep& sweep, std::size_t most) {
  std::vector<SweepPanel> whole;
  for (const SweepSeries& series : sweep.series) {
    const auto known = std::ranges::find_if(
        whole, [&](const SweepPanel& panel) { return same_panel(*panel.series.front(), series); });
    if (known != whole.end()) {
      known->series.push_back(&series);
    } else {
      whole.push_back({panel_title(series), {&series}, {}, true});
    }
  }
  std::vector<SweepPanel> out;
  for (SweepPanel& panel : whole) {
    for (SweepPanel& part : divided(std::move(panel), most)) {
      name_series(part);
      part.gpu = gpu_binds(part.series);
      out.push_back(std::move(part));
    }
  }
  return out;
}

std::string title_of(const Sweep& sweep) {
  std::vector<const SweepSeries*> all;
  for (const SweepSeries& series : sweep.series) all.push_back(&series);
  std::string out = sweep.model;
  if (all.empty()) return out;
  if (!differs(all, &SweepSeries::quantization) && !all.front()->quantization.empty()) {
    out += " " + all.front()->quantization;
  }
  if (!differs(all, &SweepSeries::cache_type)) {
    out += fmt::format(", {} cache", all.front()->cache_type);
  }
  return out;
}

std::string limits_of(const SweepSeries& series) {
  auto ram = fmt::format("RAM available {}", to_text(series.ram_available));
  if (!series.metal) return ram;
  return fmt::format("GPU limit {} ({}), safe up to {}; {}", to_text(series.gpu_limit),
                     series.gpu_limit_rule,
                     to_text(std::max(Bytes{}, series.gpu_limit - series.safety_margin)), ram);
}

Bytes counted(const PlanFigures& figures, const SweepPanel& panel) {
  return panel.gpu ? figures.gpu : figures.total();
}

std::string_view memory_name(const SweepPanel& panel) {
  return panel.gpu ? "GPU memory" : "memory";
}

std::string in_gib(Bytes size) {
  return fmt::format("{:.2f}",
                     static_cast<double>(size.count()) / static_cast<double>(gib(1).count()));
}

std::vector<std::string> refusals_of(const SweepPanel& panel) {
  // Several series are mostly refused for one reason.
  std::vector<std::pair<std::string, std::string>> whose;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    std::string last;
    for (const SweepPoint& point : panel.series[i]->points) {
      if (point.plan || point.refusal == last) continue;
      last = point.refusal;
      const bool whole = !panel.series[i]->refusal.empty();
      const auto who = fmt::format("{}{}", panel.labels[i],
                                   whole ? "" : fmt::format(" from {} tokens", point.asked));
      const auto known =
          std::ranges::find(whose, last, &std::pair<std::string, std::string>::second);
      if (known == whose.end()) {
        whose.emplace_back(who, last);
      } else {
        known->first += fmt::format(", {}", who);
      }
    }
  }
  std::vector<std::string> out;
  out.reserve(whose.size());
  for (const auto& [who, reason] : whose) out.push_back(fmt::format("{}: {}", who, reason));
  return out;
}

std::string other_limit(const SweepPanel& panel) {
  if (!panel.gpu) return {};
  std::int64_t from = 0;
  const SweepSeries* of = nullptr;
  for (const SweepSeries* series : panel.series) {
    if (!series->metal) continue;
    for (const SweepPoint& point : series->points) {
      if (!point.plan || point.plan->binding == Binding::gpu) continue;
      if (of == nullptr || point.asked < from) {
        of = series;
        from = point.asked;
      }
    }
  }
  if (of == nullptr) return {};
  return fmt::format(
      "From {} tokens on the RAM binds here and there: everything together, not only what is on "
      "the "
      "GPU, has to fit the {} that are available.",
      from, to_text(of->ram_available));
}

}  // namespace membudget::report
