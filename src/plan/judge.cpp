// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "membudget/plan.hpp"

namespace membudget {
namespace {

std::string sentence(std::string_view what, Bytes used, std::string_view limit_name, Bytes limit,
                     std::string_view rule) {
  return used <= limit
             ? fmt::format("{} needs {} of the {} {} ({}); {} stay free.", what, to_text(used),
                           to_text(limit), limit_name, rule, to_text(limit - used))
             : fmt::format("{} needs {}, {} more than the {} {} ({}).", what, to_text(used),
                           to_text(used - limit), to_text(limit), limit_name, rule);
}

}  // namespace

Plan judge(Footprint footprint, Budget budget) {
  Plan plan;
  const Bytes gpu = footprint.total(Place::gpu);
  const Bytes all = footprint.total();
  const Bytes gpu_room = budget.gpu_limit - gpu;
  const Bytes ram_room = budget.ram_available - all;
  plan.binding = gpu_room <= ram_room ? Binding::gpu : Binding::ram;
  plan.headroom = std::min(gpu_room, ram_room);

  const std::string on_gpu = sentence("The GPU", gpu, "that Metal grants", budget.gpu_limit,
                                      budget.gpu_limit_rule);
  const std::string in_ram = sentence(
      "Everything together", all, "of RAM that is left", budget.ram_available,
      fmt::format("{} less {} for macOS and other programs", to_text(budget.ram),
                  to_text(budget.reserve)));
  plan.reasons = plan.binding == Binding::gpu ? std::vector{on_gpu, in_ram} : std::vector{in_ram, on_gpu};

  const bool buffer_too_large =
      budget.largest_buffer > Bytes{} && footprint.largest_buffer > budget.largest_buffer;
  if (buffer_too_large) {
    plan.reasons.insert(
        plan.reasons.begin(),
        fmt::format("One buffer, of {}, would need {}; Metal gives none larger than {}.",
                    footprint.largest_buffer_name, to_text(footprint.largest_buffer),
                    to_text(budget.largest_buffer)));
    plan.headroom = std::min(plan.headroom, budget.largest_buffer - footprint.largest_buffer);
  }
  if (ram_room < Bytes{} || buffer_too_large) {
    plan.verdict = Verdict::does_not_fit;
  } else if (gpu_room < Bytes{} && !footprint.partial_offload) {
    plan.verdict = Verdict::does_not_fit;
    plan.reasons.emplace_back(
        "It fits in RAM but not in what the GPU may use, and this runtime keeps everything there.");
  } else if (gpu_room < Bytes{}) {
    plan.verdict = Verdict::crawls;
    plan.reasons.emplace_back(
        "It fits in RAM but not in what the GPU may use: part of the layers would run on the CPU, "
        "several times slower.");
  } else if (plan.headroom < budget.safety_margin) {
    plan.verdict = Verdict::tight;
    plan.reasons.push_back(fmt::format("Less than the safety margin of {} is left, so another "
                                       "program can push it out.",
                                       to_text(budget.safety_margin)));
  } else if (footprint.assumed()) {
    plan.verdict = Verdict::tight;
    plan.reasons.emplace_back("A part is only assumed, so it is not called comfortable.");
  } else {
    plan.verdict = Verdict::comfortable;
  }
  if (!budget.gpu_limit_observed) {
    plan.reasons.emplace_back(
        "Metal's limit for this size of RAM is predicted; nobody has published it yet.");
  }
  plan.reasons.insert(plan.reasons.end(), footprint.remarks.begin(), footprint.remarks.end());
  plan.footprint = std::move(footprint);
  plan.budget = std::move(budget);
  return plan;
}

Plan plan(const Model& model, const Runtime& runtime, const Workload& workload,
          const Budget& budget) {
  return judge(estimate(model, runtime, configured(workload, runtime, model, budget)), budget);
}

Plan plan(const Model& model, const Machine& machine, const Runtime& runtime,
          const Workload& workload) {
  return plan(model, runtime, workload, budget(machine, runtime));
}

bool fits(Verdict verdict) {
  return verdict == Verdict::comfortable || verdict == Verdict::tight;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::comfortable: return "comfortable";
    case Verdict::tight: return "tight";
    case Verdict::crawls: return "crawls";
    case Verdict::does_not_fit: return "does-not-fit";
  }
  return "";
}

std::string_view to_string(Binding binding) { return binding == Binding::gpu ? "gpu" : "ram"; }

}  // namespace membudget
