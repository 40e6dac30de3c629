// SPDX-License-Identifier: MIT
#include <string>

#include "membudget/runtimes_report.hpp"
#include "report/json_parts.hpp"

namespace membudget {
namespace {

using report::Json;

Json runtime_of(const Runtime& runtime) {
  return {{"id", runtime.id},
          {"name", runtime.name},
          {"version", runtime.version},
          {"engine", to_string(runtime.engine)},
          {"engine_version", runtime.engine_version}};
}

Json row_of(const RuntimePlan& row, std::int64_t trained_context) {
  const Footprint& footprint = row.plan.footprint;
  Json result = {{"runtime", runtime_of(row.runtime)},
                 {"quantization", row.quantization},
                 {"context", footprint.settings.context},
                 {"parallel", footprint.settings.parallel},
                 {"weights_bytes", footprint.total(PartName::weights).count()},
                 {"kv_cache_bytes", footprint.total(PartName::kv_cache).count()},
                 {"gpu_bytes", footprint.total(Place::gpu).count()},
                 {"host_bytes", footprint.total(Place::host).count()},
                 {"total_bytes", footprint.total().count()},
                 {"headroom_bytes", row.plan.headroom.count()},
                 {"verdict", to_string(row.plan.verdict)},
                 {"assumed", footprint.assumed()},
                 {"max_context", row.max_context},
                 {"surprise", surprise(row, trained_context)},
                 {"remarks", footprint.remarks}};
  if (footprint.peak) result["peak_bytes"] = footprint.peak->count();
  if (row.speed && row.speed->generation.tps > 0) {
    result["generation_tps"] = row.speed->generation.tps;
    result["generation_tps_low"] = row.speed->generation.low;
    result["generation_tps_high"] = row.speed->generation.high;
    result["prompt_tps"] = row.speed->prompt.tps;
  }
  return result;
}

}  // namespace

std::string to_json(const RuntimesReport& report) {
  Json plans = Json::array();
  for (const RuntimePlan& row : report.plans) {
    plans.push_back(row_of(row, report.trained_context));
  }
  Json refused = Json::array();
  for (const RuntimeRefusal& refusal : report.refusals) {
    refused.push_back({{"runtime", runtime_of(refusal.runtime)}, {"reason", refusal.reason}});
  }
  Json result = {{"schema", "membudget.runtimes/1"},
                 {"model",
                  {{"id", report.model},
                   {"architecture", report.architecture},
                   {"trained_context", report.trained_context}}},
                 {"machine", report::identity_of(report.machine)}};
  if (report.context) result["context"] = *report.context;
  result["runtimes"] = std::move(plans);
  result["refused"] = std::move(refused);
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
