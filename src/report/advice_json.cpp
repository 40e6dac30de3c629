// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "report/json_parts.hpp"
#include "report/summary.hpp"

namespace membudget::report {
namespace {

Json step_of(const StepReport& row, const Plan& asked) {
  const Step& step = row.step;
  Json changes = Json::array();
  for (const auto& change : step.changes) {
    changes.push_back({{"setting", to_string(change.lever)},
                       {"from", change.from},
                       {"to", change.to},
                       {"saves_bytes", change.saves.count()}});
  }
  Json result = {{"changes", std::move(changes)},
                 {"saves_bytes", step.saves(asked.binding).count()},
                 {"saves_gpu_bytes", step.saves_gpu.count()},
                 {"saves_total_bytes", step.saves_total.count()},
                 {"headroom_bytes", step.plan.headroom.count()},
                 {"verdict", to_string(step.plan.verdict)},
                 {"regret", step.regret},
                 {"speed", step.speed_costs},
                 {"quality", step.quality_costs}};
  if (row.speed && row.speed->generation.tps > 0 && fits(step.plan.verdict)) {
    result["generation_tps"] = row.speed->generation.tps;
  }
  return result;
}

Json steps_of(const std::vector<StepReport>& rows, const Plan& asked) {
  Json result = Json::array();
  for (const auto& row : rows) result.push_back(step_of(row, asked));
  return result;
}

/// The step whose changes are to be made; nullptr when none brings a better verdict.
const StepReport* best(const PlanReport& report) {
  const bool any = !report.changes.empty() && reaches(report.changes.front(), report.plan);
  return any ? &report.changes.front() : nullptr;
}

}  // namespace

Json advice_of(const PlanReport& report) {
  const auto* step = best(report);
  Json changes = Json::array();
  if (step != nullptr) {
    for (const auto& change : step->step.changes) {
      changes.push_back(
          {{"setting", to_string(change.lever)},
           {"from", change.from},
           {"to", change.to},
           {"saves_bytes", change.saves.count()},
           {"why", fmt::format("{}: {}", words({change}), effect(*step, report.plan))}});
    }
  }
  const Plan& plan = step == nullptr ? report.plan : step->step.plan;
  const Model& model =
      step == nullptr || step->step.model == nullptr ? report.model : *step->step.model;
  Json result = {{"changes", std::move(changes)},
                 {"settings", settings_of(model, report.runtime, plan.footprint)},
                 {"verdict", to_string(plan.verdict)},
                 {"steps", steps_of(report.changes, report.plan)},
                 {"affordable", steps_of(report.affordable, report.plan)}};
  if (report.recommendation) {
    Json rules = Json::array();
    for (const auto& rule : report.recommendation->rules) {
      rules.push_back({{"id", rule.id}, {"says", rule.says}, {"source", rule.source}});
    }
    Json considered = Json::array();
    for (const auto& each : report.recommendation->considered) {
      Json row = {{"quantization", each.quantization},
                  {"cache_type", cache_type(each.cache_type)},
                  {"context", each.context}};
      if (each.verdict) row["verdict"] = to_string(*each.verdict);
      if (!each.why_not.empty()) row["why_not"] = each.why_not;
      considered.push_back(std::move(row));
    }
    result["rules"] = std::move(rules);
    result["considered"] = std::move(considered);
  }
  return result;
}

Json settings_of(const Model& model, const Runtime& runtime, const Footprint& footprint) {
  const auto& settings = footprint.settings;
  Json result = {{"context", settings.context},
                 {"batch", settings.batch},
                 {"ubatch", settings.ubatch},
                 {"parallel", settings.parallel},
                 {"cache_type_k", cache_type(settings.cache_type_k)},
                 {"cache_type_v", cache_type(settings.cache_type_v)},
                 {"flash_attention", footprint.flash_attention},
                 {"gpu_layers", gpu_layers(model, settings)},
                 {"kv_unified", settings.kv_unified},
                 {"swa_full", settings.swa_full},
                 {"mmap", settings.mmap}};
  // Only what departs from the engine's defaults, which the schema names.
  if (settings.cpu_moe) result["cpu_moe"] = true;
  if (settings.n_cpu_moe > 0) result["n_cpu_moe"] = settings.n_cpu_moe;
  for (const auto& [pattern, buffer] : settings.tensor_overrides) {
    result["override_tensor"].push_back(
        fmt::format("{}={}", pattern, buffer == Backend::cpu ? "CPU" : "MTL0"));
  }
  if (!settings.kv_offload) result["kv_offload"] = false;
  if (!settings.repack) result["repack"] = false;
  if (!settings.op_offload) result["op_offload"] = false;
  if (settings.embeddings) {
    result["embeddings"] = true;
    result["pooling"] = to_string(settings.pooling);
  }
  if (grows_with_use(runtime.engine)) {
    result["depth"] = settings.depth;
    result["prompt_tokens"] = settings.prompt_tokens;
    result["generate_tokens"] = settings.generate_tokens;
  }
  if (runtime.engine == Engine::mlx) {
    result["prefill_step_size"] = settings.prefill_step;
    result["kv_bits"] = settings.kv_bits;
  }
  return result;
}

}  // namespace membudget::report
