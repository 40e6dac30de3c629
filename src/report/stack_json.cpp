// SPDX-License-Identifier: MIT
#include <algorithm>

#include "membudget/stack_report.hpp"
#include "report/json_parts.hpp"

namespace membudget {
namespace {

using report::Json;

/// Notes are left to `plan`: a stack has many parts.
Json parts_without_notes(const Footprint& footprint) {
  Json out = report::parts_of(footprint);
  for (Json& part : out) part.erase("note");
  return out;
}

Json plan_of(const Plan& plan) {
  return {{"parts", parts_without_notes(plan.footprint)},
          {"gpu_bytes", plan.footprint.total(Place::gpu).count()},
          {"host_bytes", plan.footprint.total(Place::host).count()},
          {"total_bytes", plan.footprint.total().count()},
          {"binding", to_string(plan.binding)},
          {"headroom_bytes", plan.headroom.count()},
          {"verdict", to_string(plan.verdict)}};
}

Json budget_of(const Budget& budget) {
  Json parts = Json::array();
  for (const auto& part : budget.reserve_parts) {
    parts.push_back({{"name", part.name}, {"bytes", part.bytes.count()}, {"source", part.source}});
  }
  return {{"gpu_limit_bytes", budget.gpu_limit.count()},
          {"gpu_limit_rule", budget.gpu_limit_rule},
          {"ram_available_bytes", budget.ram_available.count()},
          {"reserve_bytes", budget.reserve.count()},
          {"reserve_parts", std::move(parts)},
          {"safety_margin_bytes", budget.safety_margin.count()}};
}

Json member_of(const StackMember& member, const MemberPlan& plan) {
  Json out = {{"name", member.name},
              {"role", member.role},
              {"model",
               {{"id", member.model->id},
                {"architecture", member.model->architecture},
                {"quantization", member.model->quantization}}},
              {"runtime", {{"id", member.runtime.id}, {"version", member.runtime.version}}},
              {"settings", report::settings_of(*member.model, member.runtime, plan.one)},
              {"count", member.count},
              {"load", member.residency == Residency::resident ? "resident" : "on-demand"},
              {"at_peak", plan.at_peak},
              {"parts", parts_without_notes(plan.one)},
              {"process_gpu_bytes", plan.one.total(Place::gpu).count()},
              {"process_total_bytes", plan.one.total().count()},
              {"gpu_bytes", plan.gpu.count()},
              {"total_bytes", plan.total.count()},
              {"idle_gpu_bytes", plan.idle_gpu.count()},
              {"idle_total_bytes", plan.idle_total.count()},
              {"same_pages_bytes", plan.same_pages.count()}};
  if (member.workload.draft != nullptr) {
    out["draft"] = member.workload.draft->id;
  }
  if (plan.alone) {
    out["generation_tps"] = plan.alone->generation.tps;
    out["shared_generation_tps"] = plan.shared_tps;
    out["prompt_tps"] = plan.alone->prompt.tps;
  }
  if (plan.load_s) {
    out["load_s"] = *plan.load_s;
  }
  return out;
}

Json step_of(const Stack& stack, const StackStep& step) {
  return {{"member", stack.members[step.member].name},
          {"setting", to_string(step.change.lever)},
          {"from", step.change.from},
          {"to", step.change.to},
          {"saves_bytes", step.change.saves.count()},
          {"regret", step.regret},
          {"headroom_bytes", step.plan.headroom.count()},
          {"verdict", to_string(step.plan.verdict)},
          {"speed", step.speed_cost},
          {"quality", step.quality_cost}};
}

Json steps_of(const Stack& stack, const std::vector<StackStep>& steps) {
  Json out = Json::array();
  for (const StackStep& step : steps) {
    out.push_back(step_of(stack, step));
  }
  return out;
}

Json schedule_of(const Stack& stack, const Schedule& schedule) {
  Json events = Json::array();
  for (const ScheduleEvent& event : schedule.events) {
    events.push_back({{"at_s", event.at_s},
                      {"event", to_string(event.kind)},
                      {"member", stack.members[event.member].name},
                      {"gpu_bytes", event.gpu.count()},
                      {"total_bytes", event.total.count()},
                      {"why", event.why}});
  }
  Json requests = Json::array();
  for (const RequestOutcome& each : schedule.outcomes) {
    requests.push_back({{"at_s", each.request.at_s},
                        {"member", stack.members[each.request.member].name},
                        {"waited_s", each.waited_s},
                        {"finished_s", each.finished_s},
                        {"failed", each.failed}});
  }
  return {{"peak_gpu_bytes", schedule.peak_gpu.count()},
          {"peak_total_bytes", schedule.peak_total.count()},
          {"peak_at_s", schedule.peak_at_s},
          {"end_s", schedule.end_s},
          {"loads", schedule.loads},
          {"loading_s", schedule.loading_s},
          {"evictions", schedule.evictions},
          {"expirations", schedule.expirations},
          {"failed", schedule.failed},
          {"events", std::move(events)},
          {"requests", std::move(requests)}};
}

}  // namespace

std::string to_json(const StackReport& report) {
  const Stack& stack = report.stack;
  const StackPlan& plan = report.plan;
  Json members = Json::array();
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    members.push_back(member_of(stack.members[i], plan.members[i]));
  }
  Json claims = Json::array();
  for (const ClaimReport& each : report.claims) {
    claims.push_back({{"says", each.claim.says},
                      {"bytes", each.claim.bytes.count()},
                      {"members", each.claim.members},
                      {"ours_bytes", each.ours.count()},
                      {"why", each.claim.why},
                      {"source", each.claim.source}});
  }
  Json notes = plan.notes;
  for (const std::string& note : report.notes) {
    notes.push_back(note);
  }
  Json out = {{"schema", "membudget.stack-plan/1"},
              {"id", stack.id},
              {"name", stack.name},
              {"machine", report::identity_of(stack.machine)},
              {"members", std::move(members)},
              {"budget", budget_of(plan.peak.budget)},
              {"peak", plan_of(plan.peak)},
              {"all", plan_of(plan.all)},
              {"idle_gpu_bytes", plan.idle_gpu.count()},
              {"idle_total_bytes", plan.idle_total.count()},
              {"counted_once_bytes", plan.counted_once.count()},
              {"busy_processes", plan.busy},
              {"verdict", to_string(plan.peak.verdict)},
              {"reasons", plan.peak.reasons},
              {"notes", std::move(notes)}};
  if (stack.storage) {
    out["storage"] = {{"read_gbs", stack.storage->read_gbs}, {"source", stack.storage->source}};
  }
  if (report.max_count) out["max_count"] = *report.max_count;
  if (report.max_parallel) out["max_parallel"] = *report.max_parallel;
  if (report.wired_limit_mib) out["wired_limit_mib"] = *report.wired_limit_mib;
  if (report.schedule) out["schedule"] = schedule_of(stack, *report.schedule);
  out["ladder"] = {{"together", steps_of(stack, report.ladder.together)},
                   {"singles", steps_of(stack, report.ladder.singles)}};
  out["claims"] = std::move(claims);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
