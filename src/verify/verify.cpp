// SPDX-License-Identifier: MIT
#include "membudget/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "verify/causes.hpp"
#include "verify/compared_sizes.hpp"
#include "verify/planned_settings.hpp"
#include "verify/printed_size.hpp"

namespace membudget {
namespace {

using namespace logs;

constexpr std::int64_t newest = std::numeric_limits<std::int64_t>::max();

/// A plan by the rules of one span of builds, with every part compared.
struct Era {
  std::int64_t from = 0;
  std::int64_t to = 0;  // 0 = no end
  Runtime runtime;
  Footprint footprint;
  std::vector<ComparedPart> parts;

  [[nodiscard]] std::ptrdiff_t agreeing() const {
    return std::ranges::count_if(
        parts, [](const ComparedPart& part) { return part.difference == Bytes{}; });
  }
};

/// How far `actual` is outside of `predicted` and what the log leaves open above it.
Bytes outside(Bytes predicted, Bytes spread, const PrintedSize& actual) {
  if (predicted + spread < actual.low) return actual.low - predicted - spread;
  if (predicted > actual.high) return actual.high - predicted;
  return {};
}

Bytes sum_of(const std::vector<Effect>& effects) {
  Bytes out;
  for (const Effect& effect : effects) out += effect.cause.bytes.value_or(Bytes{});
  return out;
}

Bytes spread_of(const std::vector<Effect>& effects) {
  Bytes out;
  for (const Effect& effect : effects) out += effect.spread;
  return out;
}

void take(ComparedPart& part, const std::vector<Effect>& effects) {
  for (const Effect& effect : effects) part.causes.push_back(effect.cause);
}

ComparedPart compared(const PlannedLoad& run, const LoggedPart& logged) {
  ComparedPart part{.name = logged.name,
                    .where = logged.where,
                    .predicted = {},
                    .actual = logged.size,
                    .causes = {},
                    .difference = {},
                    .within = true};
  const Bytes planned = planned_size(run.footprint, logged.name, logged.where);
  const Bytes without = outside(planned, {}, logged.size);
  auto effects = counted_causes(run, logged.name, logged.where);
  // A cause that only leaves something open is named where it is needed.
  if (without == Bytes{})
    std::erase_if(effects, [](const Effect& e) { return e.spread > Bytes{}; });
  part.predicted = planned + sum_of(effects);
  part.difference = outside(part.predicted, spread_of(effects), logged.size);
  if (part.difference != Bytes{}) {
    for (const Effect& possible : possible_causes(run, logged.name, logged.where)) {
      const Bytes with = part.predicted + *possible.cause.bytes;
      if (outside(with, spread_of(effects), logged.size) != Bytes{}) continue;
      effects.push_back(possible);
      part.predicted = with;
      part.difference = {};
      break;
    }
  }
  take(part, effects);
  if (part.difference != Bytes{}) {
    take(part, uncounted_causes(run, logged.name, logged.where));
  }
  return part;
}

Era planned_era(const Verification& run, const Profiles& profiles,
                const std::vector<LoggedPart>& logged, std::int64_t from, std::int64_t to) {
  Era out{.from = from,
          .to = to,
          .runtime = runtime_of(run.load, profiles, from),
          .footprint = {},
          .parts = {}};
  out.footprint = estimate(run.model, out.runtime, run.workload);
  const PlannedLoad planned{.load = run.load,
                            .model = run.model,
                            .runtime = out.runtime,
                            .workload = run.workload,
                            .footprint = out.footprint,
                            .build = from};
  for (const LoggedPart& part : logged) out.parts.push_back(compared(planned, part));
  return out;
}

/// The spans of builds with the same rules, the newest first, that the log can be of.
std::vector<std::pair<std::int64_t, std::int64_t>> spans_of(const LoggedBuild& build) {
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  const std::int64_t last = build.to == 0 ? newest : build.to;
  std::int64_t from = 0;
  const auto add = [&](std::int64_t to) {
    const std::int64_t low = std::max(from, build.from);
    const std::int64_t high = std::min(to, last);
    // A plan is for one build: the first of the span, which has the rules of all.
    if (low <= high) out.emplace_back(std::max<std::int64_t>(low, 1), high == newest ? 0 : high);
  };
  for (const std::int64_t step : build_steps()) {
    add(step - 1);
    from = step;
  }
  add(newest);
  std::ranges::reverse(out);
  return out;
}

/// Those whose rules most parts agree with, the newest where several do.
Era best_era(const Verification& run, const Profiles& profiles,
             const std::vector<LoggedPart>& logged) {
  std::optional<Era> best;
  for (const auto& [from, to] : spans_of(run.load.build)) {
    Era era = planned_era(run, profiles, logged, from, to);
    if (!best) {
      best = std::move(era);
      continue;
    }
    if (era.agreeing() > best->agreeing()) {
      best = std::move(era);
    }
  }
  return std::move(*best);
}

bool all_on_gpu(const LoggedProcess& process) {
  return process.gpu ? *process.gpu == process.size : process.gpu_percent == 100;
}

/// Parts that the plan has no rule for; each is said.
void leave_out(std::vector<LoggedPart>& parts, Verification& run, bool plain_cache) {
  const EngineLoad& load = run.load;
  const auto drop = [&](const auto& which, std::string note) {
    if (std::erase_if(parts, which) > 0) run.notes.push_back(std::move(note));
  };
  const auto is = [](ComparedName name) {
    return [name](const LoggedPart& part) { return part.name == name; };
  };
  const auto on_gpu = [](ComparedName name) {
    return [name](const LoggedPart& part) { return part.name == name && part.where == Place::gpu; };
  };
  if (!plain_cache) {
    std::erase_if(parts, is(ComparedName::kv_cache));
    std::erase_if(parts, is(ComparedName::context));
  }
  if (load.engine == LogEngine::ollama_engine) {
    drop(is(ComparedName::compute),
         "Ollama's own engine builds other graphs, so its compute graph is not compared");
  }
  if (load.process && !all_on_gpu(*load.process)) {
    drop(is(ComparedName::total),
         "layers are split between GPU and CPU, as `ollama ps` does not say");
  }
  if (has_foreign_device(load)) {
    drop(on_gpu(ComparedName::compute),
         "its GPU computes by other rules than Metal, so that compute buffer is not compared");
    if (run.workload.gpu_layers) {
      drop(is(ComparedName::weights), "layers on another GPU than Metal's are not compared");
      drop(is(ComparedName::compute), "inputs of a graph that is split are not compared");
    }
  }
  if (run.model.quantization.empty() && run.model.source == ModelSource::catalog) {
    drop(is(ComparedName::weights), "weights are not compared: the log does not say their types");
  }
}

void add_notes(Verification& run) {
  const LoggedSettings& settings = run.load.settings;
  if (settings.projector) {
    run.notes.emplace_back(
        "an image projector lies beside the model; its buffers are not compared");
  }
  if (settings.adapter) run.notes.emplace_back("an adapter lies beside the model");
  if (settings.draft) run.notes.emplace_back("a draft model is a load of its own");
  if (run.load.build.foreign) {
    run.notes.emplace_back("the build's number is none of upstream's; a fork may differ");
  }
  if (settings.flash_attention_became &&
      *settings.flash_attention_became != run.footprint->flash_attention) {
    run.notes.push_back(fmt::format("flash attention was {} in the log and is {} in the plan",
                                    *settings.flash_attention_became ? "on" : "off",
                                    run.footprint->flash_attention ? "on" : "off"));
  }
  if (run.load.program == LogProgram::unknown && run.build_from >= 9460 && !settings.outputs) {
    run.notes.emplace_back("planned as llama-cli runs: the log does not show a server");
  }
}

/// MLX's peak, once a runtime of that name can be planned.
void plan_mlx(Verification& run, const Profiles& profiles) {
  Runtime runtime;
  try {
    runtime = profiles.runtime("mlx");
  } catch (const Error&) {
    run.not_planned = "MLX cannot be planned yet; what it printed is shown as it is";
    return;
  }
  const LoggedGeneration& generation = *run.load.generation;
  run.runtime = runtime;
  Workload use;
  use.prompt_tokens = generation.prompt_tokens;
  use.generate_tokens = generation.generated_tokens;
  use.parallel = generation.sequences;
  if (generation.prefill_step > 0) use.prefill_step = generation.prefill_step;
  if (generation.kv_bits > 0) use.kv_bits = generation.kv_bits;
  run.workload = use;
  run.footprint = estimate(run.model, runtime, run.workload);
  for (const LoggedPart& logged : logged_parts(run.load)) {
    const Bytes predicted = planned_size(*run.footprint, logged.name, logged.where);
    run.parts.push_back({.name = logged.name,
                         .where = logged.where,
                         .predicted = predicted,
                         .actual = logged.size,
                         .causes = {},
                         .difference = outside(predicted, {}, logged.size),
                         .within = true});
  }
}

void plan_llama(Verification& run, const Profiles& profiles, bool plain_cache) {
  if (!run.workload.context) {
    run.not_planned = "the log does not say the context";
    return;
  }
  auto logged = logged_parts(run.load);
  leave_out(logged, run, plain_cache);
  Era era = best_era(run, profiles, logged);
  run.runtime = std::move(era.runtime);
  run.build_from = era.from;
  run.build_to = era.to;
  run.footprint = std::move(era.footprint);
  run.parts = std::move(era.parts);
}

void judge_parts(Verification& run) {
  // MLX's peak rests on measurements, the rest on the engine's own rules.
  constexpr double measured_percent = 5;
  for (ComparedPart& part : run.parts) {
    Tolerance allowed = run.tolerance;
    if (allowed.by_default && part.name == ComparedName::peak) allowed.percent = measured_percent;
    const double off = std::abs(static_cast<double>(part.difference.count()));
    const double share = static_cast<double>(part.actual.middle().count()) * allowed.percent / 100;
    part.within = off <= static_cast<double>(allowed.bytes.count()) || off <= share;
  }
}

void take_given(Workload& workload, const Workload& given) {
  const auto take = [](auto& target, const auto& value) {
    if (value) target = value;
  };
  take(workload.context, given.context);
  take(workload.batch, given.batch);
  take(workload.ubatch, given.ubatch);
  take(workload.parallel, given.parallel);
  take(workload.cache_type_k, given.cache_type_k);
  take(workload.cache_type_v, given.cache_type_v);
  take(workload.flash_attention, given.flash_attention);
}

}  // namespace

bool ComparedPart::explained() const {
  return difference != Bytes{} && std::ranges::any_of(causes, [](const KnownCause& cause) {
           return !cause.bytes.has_value();
         });
}

bool Verification::agrees() const {
  return !parts.empty() && std::ranges::all_of(parts, &ComparedPart::within);
}

Verification verify(const EngineLoad& load, const Model& model, const Profiles& profiles,
                    const VerifyOptions& options) {
  Verification run{.load = load,
                   .model = model,
                   .model_id = {},
                   .why = {},
                   .alike = {},
                   .runtime = {},
                   .workload = {},
                   .footprint = {},
                   .build_from = 0,
                   .build_to = 0,
                   .machine = {},
                   .tolerance = options.tolerance,
                   .parts = {},
                   .lacks = load.lacks(),
                   .notes = {},
                   .not_planned = {}};
  auto planned = settings_of(load, model);
  run.workload = std::move(planned.workload);
  run.notes = std::move(planned.notes);
  take_given(run.workload, options.settings);
  try {
    if (load.engine == LogEngine::mlx) {
      plan_mlx(run, profiles);
    } else {
      plan_llama(run, profiles, planned.plain_cache);
    }
  } catch (const Error& error) {
    run.not_planned = error.what();
    run.parts.clear();
  }
  if (run.not_planned.empty() && run.parts.empty()) {
    run.not_planned = "nothing in the log can be set beside a plan";
  }
  if (run.footprint) add_notes(run);
  judge_parts(run);
  return run;
}

Verification verify(const EngineLoad& load, const Profiles& profiles,
                    const VerifyOptions& options) {
  try {
    const MatchedModel match = match_model(load, profiles);
    Model model = profiles.model(match.id, match.quantization);
    // Not the usual one's: nobody knows which it is.
    if (match.quantization.empty()) model.quantization.clear();
    Verification run = verify(load, model, profiles, options);
    run.model_id = match.id;
    run.why = match.why;
    run.alike = match.alike;
    return run;
  } catch (const Error& error) {
    Verification run{};
    run.load = load;
    run.tolerance = options.tolerance;
    run.lacks = load.lacks();
    run.not_planned = error.what();
    return run;
  }
}

Tolerance parse_tolerance(std::string_view text, std::string_view option) {
  text = trimmed(text);
  Tolerance out;
  out.by_default = false;
  if (!text.ends_with('%')) {
    out.bytes = parse_size(text, option);
    return out;
  }
  const std::string_view number = trimmed(text.substr(0, text.size() - 1));
  const auto percent = leading_decimal(number);
  if (!percent || leading_number(number).size() != number.size()) {
    throw Error(
        Errc::bad_request, std::string(option),
        fmt::format("'{}' is no share; give per cent such as 1% or a size such as 16MiB", text));
  }
  out.percent = *percent;
  return out;
}

std::string_view to_string(ComparedName name) {
  switch (name) {
    case ComparedName::weights:
      return "weights";
    case ComparedName::repacked_weights:
      return "repacked_weights";
    case ComparedName::kv_cache:
      return "kv_cache";
    case ComparedName::recurrent_state:
      return "recurrent_state";
    case ComparedName::context:
      return "context";
    case ComparedName::compute:
      return "compute";
    case ComparedName::output:
      return "output";
    case ComparedName::peak:
      return "peak";
    case ComparedName::total:
      return "total";
  }
  return "unknown";
}

}  // namespace membudget
