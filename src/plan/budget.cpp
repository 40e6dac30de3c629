// SPDX-License-Identifier: MIT
#include "membudget/budget.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"

namespace membudget {
namespace {

const WorkingSet* working_set_of(const Machine& machine) {
  for (const WorkingSet& set : machine.chip.working_sets) {
    if (machine.macos >= set.macos_from && (set.macos_to == 0 || machine.macos <= set.macos_to)) {
      return &set;
    }
  }
  return nullptr;
}

[[noreturn]] void fail_unknown_macos(const Machine& machine) {
  std::string known;
  for (const WorkingSet& set : machine.chip.working_sets) {
    known += known.empty() ? "" : ", ";
    known += set.macos_to == 0 ? fmt::format("{} and newer", set.macos_from)
                               : fmt::format("{} to {}", set.macos_from, set.macos_to);
  }
  throw Error(
      Errc::unsupported, "",
      fmt::format("Metal's limit on macOS {} with {} of RAM is not known (known: macOS {}); "
                  "give the limit with --wired-limit-mb",
                  machine.macos, to_text(machine.chip.ram), known.empty() ? "none" : known));
}

/// "0.78 x RAM" of a 32 GiB machine becomes "0.78 x 32 GiB RAM".
std::string with_ram(std::string rule, Bytes ram) {
  if (const auto at = rule.find("RAM"); at != std::string::npos) {
    rule.insert(at, fmt::format("{} GiB ", ram.count() >> 30));
  }
  return rule;
}

void set_gpu_limit(Budget& out, const Machine& machine) {
  if (machine.wired_limit_mib < 0) {
    throw Error(Errc::bad_request, "--wired-limit-mb",
                "must be a number of MiB of at least 0; 0 lets macOS decide");
  }
  if (machine.wired_limit_mib > 0) {
    out.gpu_limit = machine.wired_limit_mib * mib(1);
    out.gpu_limit_rule = fmt::format("iogpu.wired_limit_mb = {}", machine.wired_limit_mib);
    out.gpu_limit_source =
        "Metal reports exactly the limit that is set: "
        "https://github.com/ml-explore/mlx/pull/1060";
    return;
  }
  if (machine.working_set) {
    out.gpu_limit = *machine.working_set;
    out.gpu_limit_rule = "what Metal reports on this Mac";
    out.gpu_limit_source = "MTLDevice.recommendedMaxWorkingSetSize, read from the machine";
    return;
  }
  const WorkingSet* set = working_set_of(machine);
  if (set == nullptr) {
    fail_unknown_macos(machine);
  }
  out.gpu_limit = set->limit;
  out.gpu_limit_rule =
      fmt::format("{} on macOS {}", with_ram(set->rule, machine.chip.ram), machine.macos);
  out.gpu_limit_source = set->source;
  out.gpu_limit_observed = set->observed;
}

void set_largest_buffer(Budget& out, const Machine& machine) {
  if (machine.largest_buffer) {
    out.largest_buffer = *machine.largest_buffer;
    out.largest_buffer_rule = "what Metal reports on this Mac";
    out.largest_buffer_source = "MTLDevice.maxBufferLength, read from the machine";
  } else if (const WorkingSet* set = working_set_of(machine); set != nullptr) {
    out.largest_buffer = set->largest_buffer;
    out.largest_buffer_rule = machine.chip.largest_buffer_rule;
    out.largest_buffer_source = machine.chip.largest_buffer_source;
  }
}

/// What is kept free whatever runs at the moment.
ReservePart usual_reserve(const Machine& machine) {
  const bool mac = machine.system == System::macos;
  if (machine.reserve) {
    return {mac ? "macOS and other programs" : "the system and other programs", *machine.reserve,
            "--reserve"};
  }
  return {mac ? "macOS and apps" : "the system and other programs", machine.chip.reserve,
          machine.chip.reserve_source};
}

void set_reserve(Budget& out, const Machine& machine) {
  const ReservePart usual = usual_reserve(machine);
  if (usual.bytes < Bytes()) {
    throw Error(Errc::bad_request, "--reserve", "must not be negative");
  }
  out.reserve_parts = machine.held ? machine.held->parts : std::vector{usual};
  if (machine.held) {
    out.usual_reserve = usual.bytes;
    out.programs = machine.held->programs;
  }
  out.reserve_parts.insert(out.reserve_parts.end(), machine.beside.begin(), machine.beside.end());
  for (const ReservePart& part : out.reserve_parts) {
    out.reserve += part.bytes;
  }
  if (out.reserve > out.ram) {
    throw Error(Errc::bad_request, "--reserve",
                fmt::format("{} cannot be kept free of {} of RAM; give less", to_text(out.reserve),
                            to_text(out.ram)));
  }
  out.ram_available = out.ram - out.reserve;
}

/// What a virtual machine does not get is no more at hand than what other programs hold.
void keep_outside_vm(Budget& out, const Runtime& runtime) {
  if (runtime.vm_ram_percent == 0) {
    return;
  }
  constexpr std::int64_t hundred = 100;
  const Bytes inside((out.ram * runtime.vm_ram_percent).count() / hundred);
  if (out.ram_available <= inside) {
    return;
  }
  const Bytes outside = out.ram_available - inside;
  out.reserve_parts.push_back(
      {"what its virtual machine does not get", outside, runtime.vm_source});
  out.reserve += outside;
  out.ram_available = inside;
}

void set_safety_margin(Budget& out, const SafetyMargin& margin) {
  const Bytes tighter = tighter_limit(out);
  const Bytes share((tighter * margin.percent).count() / 100);
  out.safety_margin = std::max(share, margin.least);
  out.safety_margin_rule = fmt::format("{} % of {}, at least {}", margin.percent, to_text(tighter),
                                       to_text(margin.least));
  out.safety_margin_source = margin.source;
}

}  // namespace

Budget budget(const Machine& machine, const Runtime& runtime) {
  Budget out;
  const std::string& name = machine.chip.name;
  out.large_gpu =
      name.find(" Max") != std::string::npos || name.find(" Ultra") != std::string::npos;
  out.metal = machine.metal;
  out.ram = machine.chip.ram;
  if (machine.metal) {
    set_gpu_limit(out, machine);
    set_largest_buffer(out, machine);
  } else {
    out.gpu_limit_rule = "no Metal: the CPU computes";
  }
  set_reserve(out, machine);
  keep_outside_vm(out, runtime);
  set_safety_margin(out, machine.chip.safety_margin);
  return out;
}

Bytes tighter_limit(const Budget& budget) {
  return budget.metal ? std::min(budget.gpu_limit, budget.ram_available) : budget.ram_available;
}

}  // namespace membudget
