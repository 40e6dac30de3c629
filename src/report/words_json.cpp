// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "membudget/words.hpp"
#include "report/bar.hpp"
#include "report/json_parts.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using report::Json;

Json rows_of(const std::vector<report::Entry>& entries) {
  Json out = Json::array();
  for (const auto& entry : entries) {
    out.push_back({{"label", entry.label}, {"text", entry.text}, {"binds", entry.binds}});
  }
  return out;
}

Json parts_in_words(const Plan& plan) {
  Json out = Json::array();
  for (const auto& part : plan.footprint.parts) {
    out.push_back({{"name", to_string(part.name)},
                   {"title", report::title(part.name)},
                   {"place", report::title(part.where)},
                   {"bytes", part.bytes.count()},
                   {"size", to_text(part.bytes)},
                   {"basis", to_string(part.basis)},
                   {"note", part.note},
                   {"in_bar", plan.binding == Binding::ram || part.where == Place::gpu}});
  }
  return out;
}

Json bar_in_words(const Plan& plan) {
  const auto gauge = report::gauge(plan);
  return {{"limit", plan.binding == Binding::gpu ? "GPU limit" : "RAM available"},
          {"used_bytes", gauge.used.count()},
          {"limit_bytes", gauge.limit.count()},
          {"safe_bytes", gauge.safe.count()}};
}

Json verdict_in_words(const PlanReport& report) {
  const auto& plan = report.plan;
  const auto& settings = plan.footprint.settings;
  return {{"schema", "membudget.words/1"},
          {"headline", report::headline(report)},
          {"settings", report::settings_line(report)},
          {"verdict", to_string(plan.verdict)},
          {"verdict_words", report::words(plan.verdict)},
          {"verdict_detail", report::verdict_detail(plan) + "."},
          {"context", settings.context},
          {"parallel", settings.parallel},
          {"assumed", plan.footprint.assumed()},
          {"parts", parts_in_words(plan)},
          {"sum_size", to_text(plan.footprint.total(Place::gpu))},
          {"total_size", to_text(plan.footprint.total())},
          {"bar", bar_in_words(plan)},
          {"limits", rows_of(report::limits(report))}};
}

/// The steps with what each changes, so that a program can do what the words say. With `all` the
/// words about speed too, as the ladder has them.
Json steps_in_words(const std::vector<StepReport>& steps, const Plan& asked, bool all) {
  Json out = Json::array();
  for (const auto& row : steps) {
    Json changes = Json::array();
    for (const auto& change : row.step.changes) {
      changes.push_back({{"setting", to_string(change.lever)}, {"to", change.to}});
    }
    out.push_back({{"label", fmt::format("{}: {}", report::words(row.step.changes),
                                         report::effect(row, asked))},
                   {"text", report::costs(row, all)},
                   {"sources", row.step.sources},
                   {"verdict", to_string(row.step.plan.verdict)},
                   {"changes", std::move(changes)}});
  }
  return out;
}

std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_verdict_json(const PlanReport& report) {
  return one_line(verdict_in_words(report));
}

std::string to_words_json(const PlanReport& report) {
  auto out = verdict_in_words(report);
  Json notes = Json::array();
  if (!report.model.not_understood.empty()) notes.push_back(report.model.not_understood);
  for (const auto* each : {&report.model.notes, &report.machine.notes}) {
    for (const auto& note : *each) notes.push_back(note);
  }
  const auto& budget = report.plan.budget;
  out["notes"] = std::move(notes);
  out["formulas"] = rows_of(report::formulas(report.plan));
  out["sources"] = {{"gpu_limit", budget.gpu_limit_source},
                    {"safety_margin", budget.safety_margin_source}};
  out["contexts"] = rows_of(report::contexts(report));
  out["trained"] = report::longest_trained(report);
  out["rope"] = report::rope_note(report);
  out["speed"] = rows_of(report::speeds(report));
  out["speed_formulas"] = rows_of(report::speed_formulas(report));
  out["advice_title"] = report::advice_title(report);
  // As many as a glance takes; each is the step of the same place below.
  out["advice"] = rows_of(report::advice(report));
  const bool room = !report.affordable.empty();
  out["steps"] = steps_in_words(room ? report.affordable : report.changes, report.plan, !room);
  return one_line(out);
}

}  // namespace membudget
