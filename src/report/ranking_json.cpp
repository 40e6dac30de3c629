// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "membudget/rank_report.hpp"

namespace membudget {
namespace {

using nlohmann::ordered_json;

ordered_json model_json(const RankedModel& model) {
  ordered_json out{{"id", model.entry.id},
                   {"quantization", model.quantization},
                   {"score", model.factors.score()},
                   {"factors",
                    {{"capability", model.factors.capability},
                     {"quality", model.factors.quality},
                     {"speed", model.factors.speed},
                     {"room", model.factors.room}}},
                   {"worth_parameters", model.worth.parameters},
                   {"worth",
                    {{"size_parameters", model.worth.size},
                     {"generation", model.worth.age},
                     {"training", model.worth.training},
                     {"reasons", model.worth.reasons}}},
                   {"total_bytes", model.plan.footprint.total().count()},
                   {"headroom_bytes", model.plan.headroom.count()},
                   {"verdict", to_string(model.plan.verdict)},
                   {"trained_context", model.entry.trained_context},
                   {"get", how_to_get(model)}};
  if (model.figure) {
    out["perplexity_increase"] = *model.figure->perplexity_increase;
    out["perplexity_source"] = model.figure->source;
  }
  if (model.speed) {
    out["generation_tps"] = model.speed->generation.tps;
    out["prompt_tps"] = model.speed->prompt.tps;
    out["first_token_ms"] = model.speed->first_token_ms;
  }
  return out;
}

}  // namespace

std::string to_json(const RankReport& report) {
  const Ranking& ranking = report.ranking;
  ordered_json models = ordered_json::array();
  for (const RankedModel& each : ranking.models) {
    models.push_back(model_json(each));
  }
  const LeftOut& left = ranking.left_out;
  ordered_json out{{"schema", "membudget.ranking/1"},
                   {"task", ranking.request.task},
                   {"machine", {{"chip", report.machine.chip.id}}},
                   {"runtime", {{"id", report.runtime.id}, {"version", report.runtime.version}}},
                   {"context", *ranking.request.workload.context},
                   {"min_tps", *ranking.request.min_tps},
                   {"models", std::move(models)},
                   {"last_resort", ranking.last_resort},
                   {"left_out",
                    {{"too_large", left.too_large},
                     {"too_slow", left.too_slow},
                     {"short_context", left.short_context},
                     {"other_task", left.other_task},
                     {"too_weak", left.too_weak},
                     {"same_shapes", left.older},
                     {"not_planned", left.not_planned}}}};
  out["why"] = why_first(ranking);
  if (ranking.models.size() > 1) {
    out["second_offers"] = advantages(ranking.models[1], ranking.models.front());
  }
  if (const RankedModel* fallback = fallback_of(ranking)) {
    out["fallback"] = fallback->entry.id;
  }
  if (report.documents) {
    out["documents_choose"] = report.documents->model;
  }
  return out.dump(2) + "\n";
}

}  // namespace membudget
