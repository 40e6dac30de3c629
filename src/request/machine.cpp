// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cctype>
#include <utility>

#include "membudget/budget.hpp"
#include "membudget/request.hpp"
#include "request/options.hpp"

namespace membudget {
namespace {

using request::asked_for;

bool begins_with_letter(const std::string& text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0;
}

SpeedRequest speed_of(const Workload& workload) {
  SpeedRequest out;
  out.depth = workload.depth.value_or(out.depth);
  out.prompt_tokens = workload.prompt_tokens.value_or(out.prompt_tokens);
  out.after_prompt = workload.prompt_tokens.has_value();
  out.generate_tokens = workload.generate_tokens.value_or(out.generate_tokens);
  return out;
}

}  // namespace

Machine requested_machine(const PlanRequest& request, const Profiles& profiles) {
  if (request.chip.empty() || request.chip == "this-machine") {
    request::wrong("--chip", "a Mac must be named, such as m1-max-32gb");
  }
  return requested_machine(
      request, profiles, machine(asked_for("--chip", [&] { return profiles.chip(request.chip); })));
}

Machine requested_machine(const PlanRequest& request, const Profiles& profiles, Machine machine) {
  if (!machine.metal && !(request.macos.empty() && request.wired_limit_mb.empty())) {
    request::wrong(request.macos.empty() ? "--wired-limit-mb" : "--macos",
                   "this machine has no Metal; name a Mac with --chip, such as m1-max-32gb");
  }
  // What Metal reports there holds for that macOS and that limit only.
  if (!request.macos.empty() || !request.wired_limit_mb.empty()) {
    machine.working_set.reset();
    machine.largest_buffer.reset();
  }
  if (!request.macos.empty()) {
    // "26.1" too: only the major version decides a rule.
    const auto major = request.macos.substr(0, request.macos.find('.'));
    if (request.macos.find_first_not_of("0123456789.") != std::string::npos || major.empty()) {
      request::wrong("--macos",
                     fmt::format("'{}' is not a version such as 15 or 26.1", request.macos));
    }
    machine.macos = request::integer(major, "--macos", 11, 99);
  }
  if (!request.wired_limit_mb.empty()) {
    machine.wired_limit_mib =
        request::integer(request.wired_limit_mb, "--wired-limit-mb", 0, 1 << 24);
    if (mib(machine.wired_limit_mib) > machine.chip.ram) {
      request::wrong("--wired-limit-mb",
                     fmt::format("{} MiB are more than the {} of RAM; give at most {}",
                                 machine.wired_limit_mib, to_text(machine.chip.ram),
                                 machine.chip.ram.count() >> 20));
    }
  }
  if (begins_with_letter(request.reserve)) {
    machine.beside =
        asked_for("--reserve", [&] { return profiles.reserve(request.reserve); }).parts;
  } else if (!request.reserve.empty()) {
    // Sizes begin with a digit; parse_size() says what is wrong with one that begins with a sign.
    machine.reserve = parse_size(request.reserve, "--reserve", least_bare_size);
  }
  return machine;
}

Runtime requested_runtime(const PlanRequest& request, const Profiles& profiles,
                          std::string_view usual) {
  return asked_for("--runtime", [&] {
    return profiles.runtime(request.runtime.empty() ? usual : std::string_view(request.runtime));
  });
}

std::optional<SpeedRules> speed_rules_of(const Machine& machine, const Runtime& runtime,
                                         const Profiles& profiles) {
  if (machine.chip.bandwidth_gbs <= 0) return std::nullopt;
  return profiles.speed_rules(runtime);
}

MachineInputs machine_inputs(Profiles profiles, Machine machine, Runtime runtime,
                             Workload workload) {
  static_cast<void>(asked_for("--macos", [&] { return budget(machine, runtime); }));
  if (!machine.metal) workload.backend = Backend::cpu;
  const auto speed = speed_of(workload);
  return {.profiles = std::move(profiles),
          .machine = std::move(machine),
          .runtime = std::move(runtime),
          .workload = std::move(workload),
          .speed_rules = {},
          .speed = speed};
}

}  // namespace membudget
