// SPDX-License-Identifier: MIT
#include "membudget/sweep_report.hpp"
#include "report/json_parts.hpp"

namespace membudget {
namespace {

using report::Json;

Json figures_json(const PlanFigures& figures) {
  Json parts = Json::array();
  for (const PartSize& part : figures.parts) {
    parts.push_back({{"name", to_string(part.name)},
                     {"where", to_string(part.where)},
                     {"bytes", part.bytes.count()},
                     {"basis", to_string(part.basis)}});
  }
  Json out = {{"settings_context", figures.context},
              {"parts", std::move(parts)},
              {"gpu_bytes", figures.gpu.count()},
              {"host_bytes", figures.host.count()},
              {"total_bytes", figures.total().count()}};
  if (figures.peak) out["peak_bytes"] = figures.peak->count();
  out["binding"] = to_string(figures.binding);
  out["headroom_bytes"] = figures.headroom.count();
  out["verdict"] = to_string(figures.verdict);
  if (figures.speed) {
    if (figures.speed->generation.tps > 0) {
      out["generation_tps"] = figures.speed->generation.tps;
    }
    out["prompt_tps"] = figures.speed->prompt.tps;
  }
  return out;
}

Json series_json(const SweepSeries& series) {
  Json out = {
      {"machine",
       {{"chip", series.chip}, {"ram_bytes", series.ram.count()}, {"system", series.system}}},
      {"runtime",
       {{"id", series.runtime}, {"version", series.runtime_version}, {"engine", series.engine}}},
      {"quantization", series.quantization},
      {"cache_type", series.cache_type}};
  if (!series.cache_type_k.empty()) {
    out["cache_type_k"] = series.cache_type_k;
    out["cache_type_v"] = series.cache_type_v;
  }
  if (series.kv_bits) out["kv_bits"] = *series.kv_bits;
  if (series.ram_available > Bytes{}) {
    out["budget"] = {{"gpu_limit_bytes", series.gpu_limit.count()},
                     {"gpu_limit_rule", series.gpu_limit_rule},
                     {"ram_available_bytes", series.ram_available.count()},
                     {"safety_margin_bytes", series.safety_margin.count()}};
  }
  out["max_context"] = series.max_context;
  if (series.at_max) out["at_max_context"] = figures_json(*series.at_max);
  if (!series.refusal.empty()) out["refusal"] = series.refusal;
  Json points = Json::array();
  for (const SweepPoint& point : series.points) {
    Json row = {{"context", point.asked}};
    if (point.plan) {
      row.update(figures_json(*point.plan));
    } else {
      row["refusal"] = point.refusal;
    }
    points.push_back(std::move(row));
  }
  out["points"] = std::move(points);
  return out;
}

}  // namespace

std::string to_json(const Sweep& sweep) {
  Json series = Json::array();
  for (const SweepSeries& each : sweep.series) series.push_back(series_json(each));
  const Json out = {{"schema", "membudget.sweep/1"},
                    {"model",
                     {{"id", sweep.model},
                      {"architecture", sweep.architecture},
                      {"trained_context", sweep.trained_context}}},
                    {"contexts", sweep.contexts},
                    {"series", std::move(series)}};
  // Names from files may hold broken UTF-8, which JSON cannot; it becomes U+FFFD.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
