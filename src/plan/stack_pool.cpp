// SPDX-License-Identifier: MIT
#include "plan/stack_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "membudget/error.hpp"

namespace membudget {
namespace {

/// Adds a part to the one of its name and place.
void add(Footprint& sum, const Part& part, Bytes bytes) {
  const auto same = std::find_if(sum.parts.begin(), sum.parts.end(), [&](const Part& each) {
    return each.name == part.name && each.where == part.where;
  });
  if (same == sum.parts.end()) {
    sum.parts.push_back(part);
    sum.parts.back().bytes = bytes;
    return;
  }
  same->bytes += bytes;
  same->basis = std::max(same->basis, part.basis);
  // What is said of one is not said of the sum.
  same->note.clear();
  same->formula.clear();
}

/// What of a holding is no part but decides a verdict.
void take_limits(Footprint& sum, const Holding& each, bool named) {
  if (each.one->largest_buffer > sum.largest_buffer) {
    sum.largest_buffer = each.one->largest_buffer;
    sum.largest_buffer_name = each.one->largest_buffer_name;
  }
  sum.partial_offload = sum.partial_offload && each.one->partial_offload;
  if (named) {
    for (const std::string& remark : each.one->remarks) {
      sum.remarks.push_back(fmt::format("{}: {}", each.member->name, remark));
    }
  }
}

/// The holdings that count in a peak by `size`: residents, and of each server the largest that it
/// loads on demand.
template <class Size>
std::vector<bool> held_by(const std::vector<Holding>& holdings, Size size) {
  std::vector<bool> out(holdings.size(), false);
  std::map<std::string, std::vector<std::size_t>> on_demand;
  for (std::size_t i = 0; i < holdings.size(); ++i) {
    if (holdings[i].member->residency == Residency::resident) {
      out[i] = true;
    } else {
      on_demand[holdings[i].member->server.name].push_back(i);
    }
  }
  for (auto& [name, members] : on_demand) {
    std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
      return size(holdings[b]) < size(holdings[a]);
    });
    const StackMember& first = *holdings[members.front()].member;
    const std::size_t most =
        first.runtime.ollama ? 1 : static_cast<std::size_t>(first.server.max_loaded);
    for (std::size_t i = 0; i < std::min(most, members.size()); ++i) {
      out[members[i]] = true;
    }
  }
  return out;
}

PeakOfPool judged(const std::vector<Holding>& holdings, std::vector<bool> held,
                  const Budget& budget) {
  std::vector<Holding> loaded;
  for (std::size_t i = 0; i < holdings.size(); ++i) {
    if (held[i]) {
      loaded.push_back(holdings[i]);
    }
  }
  PooledFootprint pool = pooled(loaded);
  return {.plan = judge(std::move(pool.sum), budget),
          .counted_once = pool.counted_once,
          .held = std::move(held)};
}

}  // namespace

Footprint footprint_of(const StackMember& member, const Budget& budget) {
  Footprint out;
  try {
    out = estimate(*member.model, member.runtime,
                   configured(member.workload, member.runtime, *member.model, budget));
  } catch (const Error& error) {
    throw Error(error.code(), member.name, error.what());
  }
  for (const Part& part : member.extra) {
    add(out, part, part.bytes);
  }
  return out;
}

PooledFootprint pooled(const std::vector<Holding>& holdings) {
  PooledFootprint out;
  // What one program takes by itself, the most that any of its models asks for.
  std::map<std::pair<std::string, Place>, Part> programs;
  for (const Holding& each : holdings) {
    if (&each == &holdings.front()) {
      out.sum = *each.one;
      out.sum.parts.clear();
      if (holdings.size() > 1 || each.count > 1) {
        out.sum.peak.reset();  // Nobody's peaks together are a figure that an engine prints.
      }
      if (holdings.size() > 1) {
        out.sum.remarks.clear();
      }
    }
    take_limits(out.sum, each, holdings.size() > 1);
    for (const Part& part : each.one->parts) {
      const Bytes bytes = part.bytes * each.count;
      if (part.name != PartName::runtime || !each.member->server.one_process) {
        add(out.sum, part, bytes);
        continue;
      }
      const auto [known, fresh] =
          programs.try_emplace({each.member->server.name, part.where}, part);
      out.counted_once +=
          fresh ? bytes - part.bytes : bytes - std::max(part.bytes - known->second.bytes, Bytes());
      if (part.bytes > known->second.bytes) {
        known->second = part;
      }
    }
  }
  for (const auto& [program, part] : programs) {
    add(out.sum, part, part.bytes);
  }
  return out;
}

PeakOfPool peak_of(const std::vector<Holding>& holdings, const Budget& budget) {
  const auto gpu = [](const Holding& each) { return each.one->total(Place::gpu) * each.count; };
  const auto total = [](const Holding& each) { return each.one->total() * each.count; };
  std::vector<bool> most_gpu = held_by(holdings, gpu);
  std::vector<bool> most_total = held_by(holdings, total);
  const bool same = most_gpu == most_total;
  PeakOfPool out = judged(holdings, std::move(most_gpu), budget);
  if (!same) {
    PeakOfPool other = judged(holdings, std::move(most_total), budget);
    const Verdict worse = std::max(out.plan.verdict, other.plan.verdict);
    if (other.plan.headroom < out.plan.headroom) {
      std::swap(out, other);
    }
    // The most of the one and the most of the other need not be the same models; both must fit.
    if (out.plan.verdict != worse) {
      out.plan.verdict = worse;
      out.plan.reasons.insert(out.plan.reasons.begin(), other.plan.reasons.front());
    }
  }
  return out;
}

Budget budget_of(const Stack& stack) {
  return budget(stack.machine, stack.members.empty() ? Runtime{} : stack.members.front().runtime);
}

void refuse_second_processes(const Stack& stack) {
  std::map<std::tuple<std::string, std::string, std::string>, const StackMember*> held;
  for (const StackMember& member : stack.members) {
    if (!member.server.one_process_per_model) {
      continue;
    }
    const auto [known, fresh] = held.try_emplace(
        {member.server.name, member.model->id, member.model->quantization}, &member);
    if (!fresh) {
      throw Error(Errc::bad_request, member.name,
                  fmt::format("{} holds a model once, and '{}' is the same {} {}; make one member "
                              "of them, with more slots",
                              member.server.name, known->second->name, member.model->id,
                              member.model->quantization));
    }
    if (member.count > 1) {
      throw Error(Errc::bad_request, member.name,
                  fmt::format("{} holds a model once, not {} times; give it {} slots (parallel) or "
                              "use runtime llama.cpp",
                              member.server.name, member.count, member.count));
    }
  }
}

}  // namespace membudget
