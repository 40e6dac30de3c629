// SPDX-License-Identifier: MIT
#include "report/machine_sections.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace membudget::report {
namespace {

std::string kept_for(const std::vector<ReservePart>& parts) {
  std::vector<std::string> out;
  for (const ReservePart& part : parts) {
    if (part.bytes > Bytes()) {
      out.push_back(fmt::format("{} {}", to_text(part.bytes), part.name));
    }
  }
  return fmt::format("{}", fmt::join(out, ", "));
}

std::string wired_limit(std::int64_t mib) {
  return mib == 0 ? std::string("0: macOS decides")
                  : fmt::format("{}: set with sysctl iogpu.wired_limit_mb", mib);
}

Section limits_of(const ThisMachine& host, const std::optional<Budget>& budget) {
  Section out{"What it grants a model", {}};
  const auto add = [&](std::string label, std::string text) {
    out.rows.push_back({std::move(label), std::move(text)});
  };
  if (!budget) {
    add("GPU limit", "not known for this RAM and macOS; --wired-limit-mb gives it to a plan");
    return out;
  }
  const Budget& usual = *budget;
  if (usual.metal) {
    add("GPU limit", fmt::format("{}: {}{}", to_text(usual.gpu_limit), usual.gpu_limit_rule,
                                 usual.gpu_limit_observed ? "" : " (predicted, not yet observed)"));
    add("wired limit", wired_limit(host.wired_limit_mib));
    if (usual.largest_buffer > Bytes()) {
      add("largest buffer",
          fmt::format("{}: {}", to_text(usual.largest_buffer), usual.largest_buffer_rule));
    }
  } else {
    add("GPU", "none that is planned for: no Metal, so the CPU computes and RAM is the limit");
  }
  if (host.limit) {
    add("memory limit", fmt::format("{}: {}", to_text(host.limit->limit), host.limit->name));
  }
  if (host.cpu_limit) {
    add("CPU limit", fmt::format("{:.4g} of {} CPUs", *host.cpu_limit, host.cpu_cores.value_or(0)));
  }
  add("RAM", fmt::format("{}: {} less {} kept for {}", to_text(usual.ram_available),
                         to_text(usual.ram), to_text(usual.reserve),
                         usual.reserve_parts.empty() ? "the rest" : usual.reserve_parts[0].name));
  return out;
}

Section now_of(const ThisMachine& host) {
  Section out{"Now", {}};
  const auto add = [&](std::string label, std::string text) {
    out.rows.push_back({std::move(label), std::move(text)});
  };
  if (host.held && host.available) {
    add("free for a model", to_text(*host.available));
    add("held by others", fmt::format("{}: {}", to_text(host.machine.chip.ram - *host.available),
                                      kept_for(host.held->parts)));
  }
  if (host.gpu_in_use) add("GPU memory", to_text(*host.gpu_in_use) + " in use, all programs");
  if (host.pressure) add("memory pressure", std::string(to_string(*host.pressure)));
  if (host.stalled_percent) {
    add("memory pressure", fmt::format("some task waited for memory in {:.4g} % of the last 10 s",
                                       *host.stalled_percent));
  }
  if (host.swap) {
    add("swap", fmt::format("{} of {} used", to_text(host.swap->used), to_text(host.swap->total)));
  }
  if (host.thermal) add("thermal state", std::string(to_string(*host.thermal)));
  return out;
}

}  // namespace

std::string machine_headline(const ThisMachine& host) {
  std::string out = host.processor.empty() ? "A processor without a name" : host.processor;
  if (host.gpu_cores && host.cpu_cores) {
    out += fmt::format(", {} GPU and {} CPU cores", *host.gpu_cores, *host.cpu_cores);
  } else if (host.cpu_cores) {
    out += fmt::format(", {} {}", *host.cpu_cores, host.system == System::macos ? "cores" : "CPUs");
  }
  out += fmt::format(", {} RAM", to_text(host.installed));
  return host.system_name.empty() ? out : out + ", " + host.system_name;
}

std::string profile_sentence(const ThisMachine& host) {
  if (host.match == ChipMatch::exact) {
    return fmt::format("Profile {}: membudget plan MODEL uses it here.{}{}", host.profile,
                       host.match_note.empty() ? "" : " ", host.match_note);
  }
  if (!host.match_note.empty()) return host.match_note;
  return "Plans here are for the CPU and the RAM above; --chip names a Mac to plan for.";
}

std::vector<Section> sections(const ThisMachine& host, const std::optional<Budget>& usual) {
  std::vector<Section> out;
  for (Section& each : std::vector{limits_of(host, usual), now_of(host)}) {
    if (!each.rows.empty()) out.push_back(std::move(each));
  }
  if (host.held && !host.held->programs.empty()) {
    out.push_back({"Who holds most of it", program_rows(host.held->programs)});
  }
  return out;
}

}  // namespace membudget::report
