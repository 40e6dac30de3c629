// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "membudget/verify_report.hpp"
#include "report/json_parts.hpp"

namespace membudget {
namespace {

using report::Json;

Json size_json(const PrintedSize& size) {
  return {{"text", size.text}, {"low_bytes", size.low.count()}, {"high_bytes", size.high.count()}};
}

Json causes_json(const ComparedPart& part) {
  Json out = Json::array();
  for (const KnownCause& cause : part.causes) {
    Json each = {{"name", cause.name}};
    if (cause.bytes) each["bytes"] = cause.bytes->count();
    out.push_back(std::move(each));
  }
  return out;
}

Json parts_json(const Verification& run) {
  Json out = Json::array();
  for (const ComparedPart& part : run.parts) {
    Json each = {{"name", to_string(part.name)}};
    if (part.where) each["where"] = to_string(*part.where);
    each["predicted_bytes"] = part.predicted.count();
    each["actual"] = size_json(part.actual);
    each["difference_bytes"] = part.difference.count();
    each["within"] = part.within;
    each["causes"] = causes_json(part);
    out.push_back(std::move(each));
  }
  return out;
}

Json log_json(const Verification& run) {
  const EngineLoad& load = run.load;
  Json build = {{"from", run.build_from}};
  if (run.build_to > 0) build["to"] = run.build_to;
  build["printed"] = load.build.number.has_value();
  Json out = {{"engine", to_string(load.engine)},
              {"program", to_string(load.program)},
              {"first_line", load.first_line},
              {"last_line", load.last_line},
              {"build", std::move(build)}};
  if (!load.version.empty()) out["version"] = load.version;
  if (load.fit) {
    out["fit"] = {{"projected", size_json(load.fit->projected)},
                  {"free", size_json(load.fit->free)}};
  }
  if (load.estimate && load.estimate->required) {
    out["estimated"] = size_json(*load.estimate->required);
  }
  if (load.generation) {
    out["generation"] = {{"prompt_tokens", load.generation->prompt_tokens},
                         {"generated_tokens", load.generation->generated_tokens},
                         {"prompt_tps", load.generation->prompt_tps},
                         {"generation_tps", load.generation->generation_tps}};
    if (load.generation->peak) out["generation"]["peak"] = size_json(*load.generation->peak);
  }
  return out;
}

Json machine_json(const MatchedMachine& machine) {
  Json out = {{"chip", machine.chip}, {"alike", machine.alike}};
  if (machine.working_set) out["working_set"] = size_json(*machine.working_set);
  if (machine.macos > 0) out["macos"] = std::to_string(machine.macos);
  if (!machine.rule.empty()) out["rule"] = machine.rule;
  if (!machine.problem.empty()) out["problem"] = machine.problem;
  return out;
}

Json run_json(const Verification& run) {
  Json out = {{"log", log_json(run)},
              {"model",
               {{"id", run.model_id.empty() ? run.model.id : run.model_id},
                {"architecture", run.model.architecture},
                {"quantization", run.model.quantization},
                {"why", run.why},
                {"alike", run.alike}}}};
  if (run.machine) out["machine"] = machine_json(*run.machine);
  if (run.footprint) {
    out["runtime"] = {{"id", run.runtime.id}, {"version", run.runtime.version}};
    out["settings"] = report::settings_of(run.model, *run.footprint);
  }
  out["parts"] = parts_json(run);
  out["agrees"] = run.agrees();
  if (!run.not_planned.empty()) out["not_compared"] = run.not_planned;
  out["lacks"] = run.lacks;
  out["notes"] = run.notes;
  return out;
}

}  // namespace

std::string to_json(const VerifyReport& report) {
  Json runs = Json::array();
  for (const Verification& run : report.runs) runs.push_back(run_json(run));
  const Json out = {{"schema", "membudget.verify/1"},
                    {"loads", std::move(runs)},
                    {"loads_passed_over", report.forgotten},
                    {"lines_cut", report.cut_lines}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
