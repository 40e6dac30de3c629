// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "membudget/report.hpp"
#include "report/json_parts.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using report::Json;

/// Names from files may hold broken UTF-8, which JSON cannot; it becomes U+FFFD.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json model_of(const PlanReport& report) {
  const auto& model = report.model;
  Json result = {{"id", model.id},
                 {"architecture", model.architecture},
                 {"parameters", parameters_of(model)},
                 {"active_parameters", report::active_parameters(model)},
                 {"quantization", model.quantization},
                 {"trained_context", model.trained_context},
                 {"layers", model.layers.size()},
                 {"source", to_string(model.source)}};
  if (!model.notes.empty()) result["notes"] = model.notes;
  return result;
}

Json memory_of(const Footprint& footprint) {
  const auto sum = [&](PartName name) { return footprint.total(name); };
  // What has no sum of its own is overhead, so that the six sums give the total.
  const auto named = sum(PartName::weights) + sum(PartName::kv_cache) +
                     sum(PartName::recurrent_state) + sum(PartName::compute) +
                     sum(PartName::output);
  Json result = {{"parts", report::parts_of(footprint)},
                 {"weights_bytes", sum(PartName::weights).count()},
                 {"kv_cache_bytes", sum(PartName::kv_cache).count()},
                 {"recurrent_state_bytes", sum(PartName::recurrent_state).count()},
                 {"compute_bytes", sum(PartName::compute).count()},
                 {"output_bytes", sum(PartName::output).count()},
                 {"overhead_bytes", (footprint.total() - named).count()},
                 {"gpu_bytes", footprint.total(Place::gpu).count()},
                 {"host_bytes", footprint.total(Place::host).count()},
                 {"total_bytes", footprint.total().count()}};
  if (footprint.peak) result["peak_bytes"] = footprint.peak->count();
  if (footprint.largest_buffer > Bytes()) {
    result["largest_buffer_bytes"] = footprint.largest_buffer.count();
  }
  return result;
}

Json budget_of(const Plan& plan) {
  Json out = {{"gpu_limit_bytes", plan.budget.gpu_limit.count()},
              {"gpu_limit_rule", plan.budget.gpu_limit_rule},
              {"ram_available_bytes", plan.budget.ram_available.count()},
              {"reserve_bytes", plan.budget.reserve.count()},
              {"reserve_parts", report::parts_of(plan.budget.reserve_parts)},
              {"largest_buffer_bytes", plan.budget.largest_buffer.count()},
              {"safety_margin_bytes", plan.budget.safety_margin.count()},
              {"binding", to_string(plan.binding)},
              {"headroom_bytes", plan.headroom.count()}};
  if (plan.budget.usual_reserve) {
    out["usual_reserve_bytes"] = plan.budget.usual_reserve->count();
    out["programs"] = report::programs_of(plan.budget.programs);
  }
  return out;
}

Json machine_of(const Machine& machine) {
  Json out = report::identity_of(machine);
  if (!machine.metal) out["backend"] = "cpu";
  if (!machine.notes.empty()) out["notes"] = machine.notes;
  return out;
}

Json max_context_of(const PlanReport& report) {
  Json by_type = Json::object();
  for (const auto& row : report.by_cache_type) {
    by_type[report::cache_type(row.type)] = row.tokens;
  }
  Json result = {{"tokens", report.max_context}, {"by_cache_type", std::move(by_type)}};
  if (report.stretched_context > 0) result["stretched_tokens"] = report.stretched_context;
  return result;
}

/// How each runtime is told to run the plan; empty where the caller asked for no commands.
Json commands_of(const RuntimeCommands& commands) {
  if (commands.llama_server.empty()) {
    return Json::object();
  }
  return {{"ollama", commands.ollama},
          {"modelfile", commands.modelfile},
          {"llama-server", commands.llama_server},
          {"lmstudio", commands.lmstudio},
          {"mlx", commands.mlx},
          {"sysctl", commands.sysctl}};
}

Json speed_of(const PlanReport& report) {
  const Speed& speed = *report.speed;
  Json result = Json::object();
  if (speed.generation.tps > 0) {
    result["generation_tps"] = speed.generation.tps;
    result["generation_tps_low"] = speed.generation.low;
    result["generation_tps_high"] = speed.generation.high;
  }
  result["prompt_tps"] = speed.prompt.tps;
  result["prompt_tps_low"] = speed.prompt.low;
  result["prompt_tps_high"] = speed.prompt.high;
  result["first_token_ms"] = speed.first_token_ms;
  if (speed.generation.tps > 0) {
    result["experience"] = to_string(report::experience(report));
    result["bottleneck"] = bottleneck(speed);
    result["bound_tps"] = speed.bound_tps;
  }
  result["depth"] = speed.request.depth;
  result["generated_from"] = speed.request.generated_from();
  result["prompt_tokens"] = speed.request.prompt_tokens;
  result["generate_tokens"] = speed.request.generate_tokens;
  result["basis"] = to_string(speed.basis);
  result["note"] = fits(report.plan.verdict) ? speed.note : "if all of it fitted";
  if (speed.calibration) {
    const SpeedCalibration& own = *speed.calibration;
    result["calibration"] = {{"generation_factor", own.generation},
                             {"generation_records", own.generation_records},
                             {"prompt_factor", own.prompt},
                             {"prompt_records", own.prompt_records}};
  }
  return result;
}

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::io:
      return "io";
    case Errc::truncated:
      return "truncated";
    case Errc::invalid_model:
      return "invalid_model";
    case Errc::unsupported:
      return "unsupported";
    case Errc::invalid_profile:
      return "invalid_profile";
    case Errc::unknown_name:
      return "unknown_name";
    case Errc::bad_request:
      return "bad_request";
    case Errc::overflow:
      return "overflow";
    case Errc::network:
      return "network";
  }
  return "unknown";
}

Json ollama_of(const OllamaView& view) {
  return {{"believed_bytes", view.belief.total().count()},
          {"believed_file_bytes", view.belief.file.count()},
          {"believed_cache_bytes", view.belief.cache.count()},
          {"believed_batch_bytes", view.belief.surcharge.count()},
          {"taken_bytes", view.taken.count()},
          {"evicts_below_free_bytes", view.evicts_below.count()},
          {"why", view.why}};
}

}  // namespace

Json report::identity_of(const Machine& machine) {
  Json out = {{"chip", machine.chip.id}, {"ram_bytes", machine.chip.ram.count()}};
  if (machine.system == System::macos) {
    out["macos"] = std::to_string(machine.macos);
  } else {
    out["system"] = to_string(machine.system);
  }
  return out;
}

Json report::parts_of(const Footprint& footprint) {
  Json parts = Json::array();
  for (const Part& part : footprint.parts) {
    parts.push_back({{"name", to_string(part.name)},
                     {"where", to_string(part.where)},
                     {"bytes", part.bytes.count()},
                     {"basis", to_string(part.basis)},
                     {"note", part.note}});
  }
  return parts;
}

Json report::parts_of(const std::vector<ReservePart>& parts) {
  Json out = Json::array();
  for (const auto& part : parts) {
    out.push_back({{"name", part.name}, {"bytes", part.bytes.count()}, {"source", part.source}});
  }
  return out;
}

Json report::programs_of(const std::vector<Program>& programs) {
  Json out = Json::array();
  for (const auto& program : programs) {
    out.push_back({{"name", program.name},
                   {"processes", program.processes},
                   {"bytes", program.bytes.count()}});
  }
  return out;
}

std::string to_json(const PlanReport& report) {
  Json result = {
      {"schema", "membudget.plan/1"},
      {"model", model_of(report)},
      {"machine", machine_of(report.machine)},
      {"runtime",
       {{"id", report.runtime.id},
        {"version", report.runtime.version},
        {"engine", to_string(report.runtime.engine)},
        {"engine_version", report.runtime.engine_version}}},
      {"settings", report::settings_of(report.model, report.runtime, report.plan.footprint)},
      {"memory", memory_of(report.plan.footprint)},
      {"budget", budget_of(report.plan)},
      {"verdict", to_string(report.plan.verdict)},
      {"reasons", report.plan.reasons},
      {"max_context", max_context_of(report)}};
  if (report.plan.ollama) result["ollama"] = ollama_of(*report.plan.ollama);
  if (report.speed) result["speed"] = speed_of(report);
  result["recommendation"] = report::advice_of(report);
  result["recommendation"]["commands"] = commands_of(report.commands);
  return dump(result);
}

std::string to_json(const Error& error) {
  std::string_view message = error.what();
  const auto& where = error.where();
  if (!where.empty() && message.starts_with(where + ": ")) message.remove_prefix(where.size() + 2);
  return dump(
      {{"error", {{"code", name_of(error.code())}, {"where", where}, {"message", message}}}});
}

}  // namespace membudget
