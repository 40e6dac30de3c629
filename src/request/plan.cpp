// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ascii.hpp"
#include "membudget/alternatives.hpp"
#include "membudget/load_model.hpp"
#include "membudget/ollama.hpp"
#include "membudget/request.hpp"
#include "plan/fit.hpp"
#include "request/options.hpp"
#include "source/as_asked.hpp"

namespace membudget {
namespace {

/// The type under which max_context_by_cache_type() lists these settings; nothing when it does not.
std::optional<ElementType> listed_type(const Settings& settings, const Runtime& runtime) {
  if (runtime.engine == Engine::mlx) {
    if (settings.kv_bits == 0) return ElementType::f16;
    if (settings.kv_bits == 8) return ElementType::q8_0;
    if (settings.kv_bits == 4) return ElementType::q4_0;
    return std::nullopt;
  }
  if (settings.cache_type_k != settings.cache_type_v) return std::nullopt;
  return settings.cache_type_k;
}

std::vector<StepReport> with_speed(std::vector<Step> steps, const PlanInputs& inputs) {
  std::vector<StepReport> out;
  out.reserve(steps.size());
  for (Step& step : steps) {
    StepReport& row = out.emplace_back();
    row.step = std::move(step);
    if (inputs.speed_rules) {
      const Model& model = row.step.model == nullptr ? inputs.model : *row.step.model;
      row.speed =
          speed(model, inputs.machine, row.step.plan.footprint, *inputs.speed_rules, inputs.speed);
    }
  }
  return out;
}

/// What to change, or what there is room for, with the speed of each step; into `report`, whose
/// plan was made of `inputs`.
void add_advice(PlanReport& report, const PlanInputs& inputs) {
  const AdviceRules rules = inputs.profiles.advice_rules();
  auto alternatives = quantizations_of(inputs.model, inputs.profiles, rules.finer_to_coarser);
  auto relatives = relatives_of(inputs.model, inputs.profiles);
  std::move(relatives.begin(), relatives.end(), std::back_inserter(alternatives));
  Ladder steps = ladder(inputs.model, inputs.machine, inputs.runtime, inputs.workload, rules,
                        inputs.profiles.quality_table(), alternatives);
  report.changes = with_speed(std::move(steps.steps), inputs);
  report.affordable = with_speed(std::move(steps.affordable), inputs);
}

/// Adds the rest to a model of which the runtime is known to read the weights.
PlanInputs inputs_around(const PlanRequest& request, MachineInputs around, Model model) {
  const auto read = catalog_reader(around.profiles);
  auto names = names_of(request.model.empty() ? model.id : request.model, model, around.profiles);
  auto out = plan_inputs(request, std::move(around), std::move(model), std::move(names));
  add_draft(out, request, read);
  return out;
}

MachineInputs around_model(const PlanRequest& request, const Profiles& profiles) {
  // Slips first: they cost nothing to find.
  auto workload = requested_workload(request);
  auto machine = requested_machine(request, profiles);
  return machine_inputs(profiles, std::move(machine), requested_runtime(request, profiles),
                        std::move(workload));
}

}  // namespace

PlanInputs plan_inputs(const PlanRequest& request, MachineInputs around, Model model,
                       ModelNames names) {
  Runtime runtime = std::move(around.runtime);
  const Profiles& profiles = around.profiles;
  auto workload = runtime.ollama ? with_slot_context(std::move(around.workload), runtime, model)
                                 : std::move(around.workload);
  // The runtime may have become another with the model.
  auto speed_rules = speed_rules_of(around.machine, runtime, profiles);
  auto server = runtime.id == "llama.cpp" ? runtime
                : runtime.engine == Engine::llama_cpp
                    ? profiles.runtime("llama.cpp@" + runtime.engine_version)
                    : profiles.runtime("llama.cpp");
  const auto ollama =
      runtime.ollama ? fmt::format("{}@{}", runtime.id, runtime.version) : std::string("ollama");
  return {.model = std::move(model),
          .machine = std::move(around.machine),
          .runtime = std::move(runtime),
          .workload = std::move(workload),
          .server = std::move(server),
          .ollama = profiles.runtime(ollama),
          .lmstudio = profiles.runtime("lmstudio"),
          .names = std::move(names),
          .draft_names = {},
          .speed_rules = std::move(speed_rules),
          .speed = around.speed,
          .profiles = profiles,
          .target_headroom = {},
          .stretch = request.explain,
          .advise = true,
          .largest_context = lower(request.context) == "max"};
}

void add_draft(PlanInputs& inputs, const PlanRequest& request, const ModelReader& read) {
  if (request.draft.empty()) return;
  inputs.workload.draft = std::make_shared<const Model>(read(request.draft, {}));
  inputs.draft_names = names_of(request.draft, *inputs.workload.draft, inputs.profiles);
}

PlanReport plan_report(PlanInputs inputs) {
  PlanReport out;
  out.by_cache_type = max_context_by_cache_type(inputs.model, inputs.machine, inputs.runtime,
                                                inputs.workload, inputs.target_headroom);
  // The workload's own types are mostly among these; each search costs several plans.
  const auto chosen = configured(inputs.workload, inputs.runtime, inputs.model,
                                 budget(inputs.machine, inputs.runtime));
  const auto settings = resolve(chosen, inputs.runtime, inputs.model);
  const auto own = std::ranges::find_if(out.by_cache_type, [&](const ContextByCacheType& each) {
    return each.type == listed_type(settings, inputs.runtime);
  });
  out.max_context = own != out.by_cache_type.end()
                        ? own->tokens
                        : max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload,
                                      inputs.target_headroom);
  const auto trained = trained_tokens(inputs.model, inputs.runtime.engine, settings);
  if (inputs.stretch && trained > 0 && out.max_context >= trained) {
    out.stretched_context =
        max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload,
                    inputs.target_headroom, inputs.profiles.advice_rules().most_rope_factor);
  }
  if (inputs.largest_context) {
    inputs.workload.context = std::max(out.max_context, smallest_context);
  }
  out.plan = plan(inputs.model, inputs.machine, inputs.runtime, inputs.workload);
  const bool own_context = !inputs.workload.context && inputs.model.default_context == 0 &&
                           inputs.runtime.id == inputs.server.id;
  // --fit's answer is not asked for again by every search below.
  if (!inputs.workload.context && inputs.runtime.fit) inputs.workload.context = chosen.context;
  if (auto remark = moved_layers_remark(out.plan, inputs.workload, inputs.runtime, inputs.model);
      !remark.empty()) {
    out.plan.reasons.push_back(std::move(remark));
  }
  if (inputs.speed_rules) {
    out.speed =
        speed(inputs.model, inputs.machine, out.plan.footprint, *inputs.speed_rules, inputs.speed);
  }
  if (inputs.advise) add_advice(out, inputs);
  // What the runtime chose is what others must be told.
  inputs.workload = configured(inputs.workload, inputs.runtime, inputs.model, out.plan.budget);
  PlannedRun run{
      .model = std::move(inputs.model),
      .machine = std::move(inputs.machine),
      .server = std::move(inputs.server),
      .ollama = std::move(inputs.ollama),
      .lmstudio = std::move(inputs.lmstudio),
      .workload = std::move(inputs.workload),
      .plan = std::move(out.plan),
      .own_context = own_context,
      .names = std::move(inputs.names),
      .draft_names = std::move(inputs.draft_names),
      .engine = inputs.runtime.engine,
  };
  if (inputs.runtime.settings_for) {
    out.commands = runtime_commands(run, inputs.commands_for);
  }
  out.plan = std::move(run.plan);
  out.model = std::move(run.model);
  out.machine = std::move(run.machine);
  out.runtime = std::move(inputs.runtime);
  return out;
}

PlanInputs plan_inputs(const PlanRequest& request, const Profiles& profiles) {
  auto around = around_model(request, profiles);
  auto model =
      requested_model(request, request.model, profiles, catalog_reader(profiles), around.runtime);
  return inputs_around(request, std::move(around), std::move(model));
}

PlanInputs plan_inputs(const PlanRequest& request, const Profiles& profiles, Model model) {
  auto around = around_model(request, profiles);
  if (is_mlx(model) && !around.runtime.for_safetensors.empty()) {
    around.runtime = profiles.runtime(around.runtime.for_safetensors);
  }
  return inputs_around(request, std::move(around),
                       as_asked(std::move(model), request.quantization));
}

PlanReport plan_report(const PlanRequest& request, const Profiles& profiles) {
  return plan_report(plan_inputs(request, profiles));
}

PlanReport plan_report(const PlanRequest& request, const Profiles& profiles, Model model) {
  return plan_report(plan_inputs(request, profiles, std::move(model)));
}

}  // namespace membudget
