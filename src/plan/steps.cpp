// SPDX-License-Identifier: MIT
#include "plan/steps.hpp"

#include <algorithm>
#include <utility>

#include "membudget/error.hpp"

namespace membudget {
namespace {

/// A limit that people type is whole half gibibytes.
constexpr std::int64_t wired_step_mib = 512;

void note(std::vector<std::string>& notes, const std::string& text) {
  if (!text.empty() && std::find(notes.begin(), notes.end(), text) == notes.end()) {
    notes.push_back(text);
  }
}

void add(Step& step, const Position& position, Binding binding) {
  // Of a single change; attribute() parts it among several.
  const bool first = step.changes.empty();
  step.changes.push_back(position.change);
  step.changes.back().saves = first ? step.saves(binding) : Bytes();
  step.regret += position.regret;
  note(step.speed_costs, position.speed);
  note(step.quality_costs, position.quality);
  note(step.sources, position.source);
}

/// What `make` makes; nothing where the engine or its runtime has no such setting or refuses it for
/// this model.
template <class Make>
std::optional<Step> unless_refused(Make make) {
  try {
    return make();
  } catch (const Error& error) {
    if (error.code() != Errc::bad_request) {
      throw;
    }
    return std::nullopt;
  }
}

}  // namespace

Steps::Steps(const Model& model, const Machine& machine, const Runtime& runtime, Workload workload,
             const AdviceRules& rules)
    : model_(model),
      machine_(machine),
      runtime_(runtime),
      rules_(rules),
      workload_(std::move(workload)),
      asked_(plan(model, machine, runtime, workload_)) {
  // Another model must not bring a default context of its own.
  workload_.context = asked_.footprint.settings.context;
  if (grows_with_use(runtime.engine)) {
    // The context that is used decides from here on, as it does where all of it is reserved.
    workload_.generate_tokens = asked_.footprint.settings.generate_tokens;
    workload_.prompt_tokens = std::nullopt;
  }
}

std::shared_ptr<const Model> Steps::read(const Alternative& alternative) {
  auto& model = read_[&alternative];
  if (model == nullptr) {
    model = alternative.read();
  }
  return model;
}

Step Steps::made(std::shared_ptr<const Model> instead, Workload workload, const Machine& machine) {
  Step out;
  const Model& model = instead == nullptr ? model_ : *instead;
  out.plan = plan(model, machine, runtime_, workload);
  out.model = std::move(instead);
  out.workload = std::move(workload);
  out.wired_limit_mib = machine.wired_limit_mib;
  out.regret = out.plan.verdict == Verdict::tight ? rules_.tight_regret : 0;
  out.saves_gpu = asked_.footprint.total(Place::gpu) - out.plan.footprint.total(Place::gpu);
  out.saves_total = asked_.footprint.total() - out.plan.footprint.total();
  return out;
}

bool Steps::raise_wired_limit(Machine& machine, const Model& model,
                              const Workload& workload) const {
  const Bytes needed = plan(model, runtime_, workload, asked_.budget).footprint.total(Place::gpu);
  const SafetyMargin& margin = machine.chip.safety_margin;
  // So that the margin, a share of the new limit, is left above what is needed.
  const Bytes by_share =
      margin.percent < 100 ? Bytes(needed.count() / (100 - margin.percent) * 100) : needed;
  const Bytes wanted = std::max(by_share, needed + margin.least);
  const std::int64_t most = asked_.budget.ram_available.count() >> 20;
  const std::int64_t limit = std::min(most, round_up((wanted.count() >> 20) + 1, wired_step_mib));
  if (mib(limit) <= asked_.budget.gpu_limit) {
    return false;
  }
  machine.wired_limit_mib = limit;
  return true;
}

std::optional<Step> Steps::with(const std::vector<const Position*>& changed) {
  Workload workload = workload_;
  Machine machine = machine_;
  std::shared_ptr<const Model> instead;
  bool raise = false;
  for (const Position* each : changed) {
    if (each->apply) {
      each->apply(workload);
    }
    if (each->alternative != nullptr) {
      if (each->alternative->at_least > asked_.budget.ram_available) {
        return std::nullopt;
      }
      instead = read(*each->alternative);
    }
    raise = raise || each->raises_wired_limit;
  }
  const Model& model = instead == nullptr ? model_ : *instead;
  const bool shorter =
      model.trained_context > 0 && model_.trained_context > 0 &&
      model.trained_context<model_.trained_context&& * workload.context> model.trained_context;
  if (shorter) {
    workload.context = model.trained_context;
  }
  return unless_refused([&]() -> std::optional<Step> {
    if (raise && !raise_wired_limit(machine, model, workload)) {
      return std::nullopt;
    }
    Step out = made(std::move(instead), std::move(workload), machine);
    for (const Position* each : changed) {
      add(out, *each, asked_.binding);
      if (each->raises_wired_limit) {
        out.changes.back().from = std::to_string(asked_.budget.gpu_limit.count() >> 20);
        out.changes.back().to = std::to_string(machine.wired_limit_mib);
      }
    }
    if (shorter) {
      out.changes.push_back({Lever::context, std::to_string(*workload_.context),
                             std::to_string(*out.workload.context), Bytes()});
    }
    return out;
  });
}

void Steps::attribute(Step& step, const std::vector<const Position*>& changed) {
  Bytes before;
  for (std::size_t i = 0; i + 1 < changed.size(); ++i) {
    const auto part = with({changed.begin(), changed.begin() + static_cast<std::ptrdiff_t>(i) + 1});
    // What the engine refuses alone counts with the change that makes it possible.
    const Bytes until = part ? part->saves(asked_.binding) : before;
    step.changes[i].saves = until - before;
    before = until;
  }
  step.changes[changed.size() - 1].saves = step.saves(asked_.binding) - before;
}

std::optional<Step> Steps::with_longest_context(std::int64_t least) {
  for (const Bytes room : {asked_.budget.safety_margin, Bytes()}) {
    const std::int64_t tokens = max_context(model_, machine_, runtime_, workload_, room);
    // Less than is usable is still an answer where nothing more fits.
    const bool usable = tokens >= least || (room == Bytes() && tokens > 0);
    if (!usable || tokens >= *workload_.context) {
      continue;
    }
    std::int64_t halvings = 1;
    for (std::int64_t half = *workload_.context / 2; half > tokens; half /= 2) {
      ++halvings;
    }
    Workload workload = workload_;
    workload.context = tokens;
    Step out = made(nullptr, std::move(workload), machine_);
    add(out,
        position(rules_, Lever::context, std::to_string(*workload_.context), std::to_string(tokens),
                 halvings),
        asked_.binding);
    return out;
  }
  return std::nullopt;
}

/// The fewest of `most` for which `apply` makes the plan comfortable, else tight. What the GPU has
/// left grows with every one; what the RAM has does not.
template <class Apply>
std::optional<std::int64_t> Steps::fewest(std::int64_t most, Apply apply) {
  struct Room {
    Bytes gpu;
    Verdict verdict = Verdict::does_not_fit;
  };
  std::map<std::int64_t, Room> known;
  const Budget budget = membudget::budget(machine_, runtime_);
  const auto room = [&](std::int64_t count) {
    const auto [at, fresh] = known.try_emplace(count);
    if (fresh) {
      Workload workload = workload_;
      apply(workload, count);
      const Plan made = plan(model_, runtime_, workload, budget);
      at->second = {.gpu = budget.gpu_limit - made.footprint.total(Place::gpu),
                    .verdict = made.verdict};
    }
    return at->second;
  };
  for (const Verdict verdict : {Verdict::comfortable, Verdict::tight}) {
    const Bytes wanted = verdict == Verdict::comfortable ? asked_.budget.safety_margin : Bytes();
    if (most < 1 || room(most).gpu < wanted) {
      continue;
    }
    std::int64_t low = 0;  // Is not enough.
    std::int64_t high = most;
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      (room(middle).gpu >= wanted ? high : low) = middle;
    }
    // The RAM may have less left than the GPU.
    if (room(high).verdict <= verdict) {
      return high;
    }
  }
  return std::nullopt;
}

std::optional<Step> Steps::with_file_read() {
  if (asked_.binding != Binding::gpu || runtime_.engine != Engine::llama_cpp ||
      !asked_.footprint.settings.mmap) {
    return std::nullopt;
  }
  return unless_refused([&]() -> std::optional<Step> {
    Workload workload = workload_;
    workload.mmap = false;
    Step out = made(nullptr, std::move(workload), machine_);
    add(out, position(rules_, Lever::mmap, "true", "false"), asked_.binding);
    return out;
  });
}

std::optional<Step> Steps::with_part_on_cpu(Lever lever, std::int64_t from, std::int64_t most,
                                            const Share& share) {
  if (asked_.binding != Binding::gpu || !asked_.footprint.partial_offload) {
    return std::nullopt;
  }
  return unless_refused([&]() -> std::optional<Step> {
    // A mapped file may stay on the GPU with all that lies between its tensors.
    for (const bool reads : {false, true}) {
      if (reads && !asked_.footprint.settings.mmap) {
        continue;
      }
      const auto apply = [&](Workload& workload, std::int64_t count) {
        share(workload, count);
        if (reads) {
          workload.mmap = false;
        }
      };
      const auto count = fewest(most, apply);
      if (!count) {
        continue;
      }
      Workload workload = workload_;
      apply(workload, *count);
      const std::int64_t to = lever == Lever::n_cpu_moe ? from + *count : from - *count;
      Step out = made(nullptr, std::move(workload), machine_);
      add(out, position(rules_, lever, std::to_string(from), std::to_string(to)), asked_.binding);
      if (reads) {
        add(out, position(rules_, Lever::mmap, "true", "false"), asked_.binding);
      }
      return out;
    }
    return std::nullopt;
  });
}

std::optional<Step> Steps::with_experts_on_cpu() {
  const Settings& settings = asked_.footprint.settings;
  if (model_.experts == 0 || settings.cpu_moe) {
    return std::nullopt;
  }
  const std::int64_t now = settings.n_cpu_moe;
  return with_part_on_cpu(
      Lever::n_cpu_moe, now, static_cast<std::int64_t>(model_.layers.size()) - now,
      [now](Workload& workload, std::int64_t more) { workload.n_cpu_moe = now + more; });
}

std::optional<Step> Steps::with_layers_on_cpu() {
  const std::int64_t now = offloaded_layers(model_, asked_.footprint.settings);
  return with_part_on_cpu(
      Lever::gpu_layers, now, now,
      [now](Workload& workload, std::int64_t fewer) { workload.gpu_layers = now - fewer; });
}

}  // namespace membudget
