// SPDX-License-Identifier: MIT
#include "membudget/stack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/ollama.hpp"
#include "plan/stack_pool.hpp"

namespace membudget {
namespace {

constexpr std::int64_t most_slots = 256;  // LLAMA_MAX_SEQ, llama.cpp b10587.

std::vector<Holding> holdings_of(const Stack& stack, const std::vector<Footprint>& footprints) {
  std::vector<Holding> out;
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    out.push_back(
        {.member = &stack.members[i], .one = &footprints[i], .count = stack.members[i].count});
  }
  return out;
}

/// Most engines allocate everything when they load. Those whose memory grows with use have, before
/// the first request, the weights and their own program.
Bytes idle(const Footprint& one, const Runtime& runtime, bool gpu_only) {
  Bytes out;
  for (const Part& part : one.parts) {
    const bool kept = !grows_with_use(runtime.engine) || part.name == PartName::weights ||
                      part.name == PartName::runtime;
    if (kept && (!gpu_only || part.where == Place::gpu)) {
      out += part.bytes;
    }
  }
  return out;
}

/// What of a member is another mapping of a file that is mapped already.
void set_same_pages(const Stack& stack, StackPlan& plan) {
  std::map<std::pair<std::string, std::string>, bool> mapped;
  Bytes sum;
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    const StackMember& member = stack.members[i];
    MemberPlan& out = plan.members[i];
    if (member.runtime.engine != Engine::llama_cpp || !out.one.settings.mmap) {
      continue;
    }
    const bool known =
        !mapped.try_emplace({member.model->id, member.model->quantization}, true).second;
    out.same_pages = out.one.total(PartName::weights) * (known ? member.count : member.count - 1);
    sum += out.same_pages;
  }
  if (sum > Bytes()) {
    plan.notes.push_back(fmt::format(
        "{} are further mappings of files that another process maps: RAM holds such pages once, "
        "but nobody published whether Metal's limit does, so they count for each process.",
        to_text(sum)));
  }
}

void note_servers(const Stack& stack, StackPlan& plan) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> residents;  // By server: held, most.
  for (const StackMember& member : stack.members) {
    if (!member.server.pins_resident && member.residency == Residency::resident) {
      auto& [held, most] = residents[member.server.name];
      ++held;
      most = member.server.max_loaded;
    }
  }
  for (const auto& [name, counts] : residents) {
    if (counts.first > counts.second) {
      plan.notes.push_back(
          fmt::format("{} keeps at most {} models loaded, and {} are to be resident: raise "
                      "OLLAMA_MAX_LOADED_MODELS to {}, or it unloads one for another.",
                      name, counts.second, counts.first, counts.first));
    }
  }
}

/// Ollama decides by its belief, so what fits together may still not stay together.
void note_beliefs(const Stack& stack, StackPlan& plan) {
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    const StackMember& member = stack.members[i];
    if (!member.runtime.ollama || member.residency != Residency::resident) {
      continue;
    }
    Bytes own_gpu;     // What its server has on the GPU beside it.
    Bytes everything;  // What all others have.
    for (std::size_t other = 0; other < stack.members.size(); ++other) {
      if (other == i || stack.members[other].residency != Residency::resident) {
        continue;
      }
      everything += plan.members[other].total;
      if (stack.members[other].server.name == member.server.name) {
        const EngineBuffers& gpu = plan.members[other].one.gpu;
        own_gpu += gpu.model + gpu.kv + gpu.compute;
      }
    }
    const Settings& settings = plan.members[i].one.settings;
    const OllamaBelief belief =
        ollama_belief(*member.model, *member.runtime.ollama, settings.context, settings.batch);
    const Bytes free = std::max(
        std::min(plan.peak.budget.gpu_limit - own_gpu, plan.peak.budget.ram_available - everything),
        Bytes());
    if (own_gpu > Bytes() && free < ollama_evicts_below(belief, *member.runtime.ollama)) {
      plan.notes.push_back(fmt::format(
          "{} unloads another model before it loads {} beside them: it believes that it needs {}, "
          "more than {} % of the {} that are then free.",
          member.server.name, member.name, to_text(belief.total()),
          member.runtime.ollama->fit_percent, to_text(free)));
    }
  }
}

void set_speeds(const Stack& stack, StackPlan& plan) {
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    const StackMember& member = stack.members[i];
    MemberPlan& out = plan.members[i];
    plan.busy += out.at_peak ? member.count : 0;
    if (member.speed_rules) {
      out.alone = speed(*member.model, stack.machine, out.one, *member.speed_rules, stack.speed);
    }
    if (stack.storage) {
      Bytes read = out.one.total(PartName::weights);
      if (member.workload.draft != nullptr) {
        read += member.workload.draft->tensors.data_size();
      }
      out.load_s = static_cast<double>(read.count()) / (stack.storage->read_gbs * 1e9);
    }
  }
  for (MemberPlan& out : plan.members) {
    if (out.alone) {
      out.shared_tps =
          out.alone->generation.tps / static_cast<double>(std::max<std::int64_t>(plan.busy, 1));
    }
  }
}

/// The largest of 1 to `most` that `fits`; 0 when 1 does not.
template <class Fits>
std::int64_t largest(std::int64_t most, Fits fits) {
  std::int64_t low = 0;   // Known to fit.
  std::int64_t high = 1;  // To be tried; doubles, so that small answers cost few tries.
  while (high <= most && fits(high)) {
    low = high;
    high = high > most / 2 && high < most ? most : high * 2;
  }
  high = std::min(high, most + 1);
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace

StackPlan plan_stack(const Stack& stack) {
  if (stack.members.empty()) {
    throw Error(Errc::bad_request, "stack", "holds no model; name at least one");
  }
  refuse_second_processes(stack);
  const Budget budget = budget_of(stack);
  std::vector<Footprint> footprints;
  footprints.reserve(stack.members.size());
  for (const StackMember& member : stack.members) {
    footprints.push_back(footprint_of(member, budget));
  }
  const std::vector<Holding> holdings = holdings_of(stack, footprints);
  PeakOfPool peak = peak_of(holdings, budget);
  StackPlan out;
  out.all = judge(pooled(holdings).sum, budget);
  out.peak = std::move(peak.plan);
  out.counted_once = peak.counted_once;
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    const StackMember& member = stack.members[i];
    MemberPlan& each = out.members.emplace_back();
    each.gpu = footprints[i].total(Place::gpu) * member.count;
    each.total = footprints[i].total() * member.count;
    each.idle_gpu = idle(footprints[i], member.runtime, true) * member.count;
    each.idle_total = idle(footprints[i], member.runtime, false) * member.count;
    each.at_peak = peak.held[i];
    each.one = std::move(footprints[i]);
    if (member.residency == Residency::resident) {
      out.idle_gpu += each.idle_gpu;
      out.idle_total += each.idle_total;
    }
  }
  set_same_pages(stack, out);
  note_servers(stack, out);
  note_beliefs(stack, out);
  set_speeds(stack, out);
  return out;
}

std::int64_t max_count(const Stack& stack, std::size_t member, std::int64_t most) {
  if (stack.members.at(member).server.one_process_per_model) {
    most = 1;
  }
  const Budget budget = budget_of(stack);
  std::vector<Footprint> footprints;
  footprints.reserve(stack.members.size());
  for (const StackMember& each : stack.members) {
    footprints.push_back(footprint_of(each, budget));
  }
  std::vector<Holding> holdings = holdings_of(stack, footprints);
  return largest(most, [&](std::int64_t count) {
    holdings[member].count = count;
    return fits(peak_of(holdings, budget).plan.verdict);
  });
}

void set_slots(StackMember& member, std::int64_t slots, std::int64_t context) {
  member.workload.parallel = slots;
  member.workload.context = checked_multiply(context, slots);
}

std::int64_t max_parallel(const Stack& stack, std::size_t member, std::int64_t context) {
  const Budget budget = budget_of(stack);
  std::vector<Footprint> footprints;
  footprints.reserve(stack.members.size());
  StackMember changed = stack.members.at(member);
  set_slots(changed, 1, context);
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    footprints.push_back(footprint_of(i == member ? changed : stack.members[i], budget));
  }
  const std::vector<Holding> holdings = holdings_of(stack, footprints);
  return largest(most_slots, [&](std::int64_t slots) {
    set_slots(changed, slots, context);
    footprints[member] = footprint_of(changed, budget);
    return fits(peak_of(holdings, budget).plan.verdict);
  });
}

}  // namespace membudget
