// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget {

std::optional<std::int64_t> wired_limit_for(const Plan& plan) {
  const Bytes gpu = plan.footprint.total(Place::gpu);
  const Bytes most = plan.budget.ram_available;
  if (gpu <= plan.budget.gpu_limit || plan.footprint.total() > most) {
    return std::nullopt;
  }
  // With the safety margin where the system's reserve allows it.
  const std::int64_t wanted =
      ((gpu + plan.budget.safety_margin).count() + mib(1).count() - 1) / mib(1).count();
  const std::int64_t limit = std::min(wanted, most.count() / mib(1).count());
  return limit * mib(1) < gpu ? std::nullopt : std::optional(limit);
}

namespace settings {
namespace {

constexpr std::string_view label = "membudget.wired-limit";

/// launchd runs it as root at every start; the file must belong to root and be writable by nobody
/// else, or launchd ignores it.
std::vector<std::string> persistent(std::int64_t limit) {
  const auto file = fmt::format("/Library/LaunchDaemons/{}.plist", label);
  return {
      fmt::format("sudo tee {} >/dev/null <<'PLIST'", file),
      R"(<?xml version="1.0" encoding="UTF-8"?>)",
      R"(<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">)",
      R"(<plist version="1.0">)",
      "<dict>",
      "  <key>Label</key>",
      fmt::format("  <string>{}</string>", label),
      "  <key>ProgramArguments</key>",
      "  <array>",
      "    <string>/usr/sbin/sysctl</string>",
      fmt::format("    <string>iogpu.wired_limit_mb={}</string>", limit),
      "  </array>",
      "  <key>RunAtLoad</key>",
      "  <true/>",
      "</dict>",
      "</plist>",
      "PLIST",
      fmt::format("sudo chown root:wheel {}", file),
      fmt::format("sudo chmod 644 {}", file),
      fmt::format("sudo launchctl bootstrap system {}", file),
  };
}

}  // namespace

std::vector<std::string> sysctl_lines(const PlannedRun& run) {
  const std::int64_t set = run.machine.wired_limit_mib;
  const auto needed = wired_limit_for(run.plan);
  if (set == 0 && !needed) return {};
  const std::int64_t limit = needed.value_or(set);
  const Bytes left = run.machine.chip.ram - limit * mib(1);
  std::vector<std::string> out;
  out.push_back(comment(fmt::format(
      "Leaves {} of {} to everything else while the GPU uses all of it; 0 gives the choice back to "
      "macOS.",
      to_text(left), to_text(run.machine.chip.ram))));
  out.push_back(fmt::format("sudo sysctl iogpu.wired_limit_mb={}", limit));
  out.push_back(comment("Lost at the next start, unless:"));
  for (std::string& line : persistent(limit)) out.push_back(std::move(line));
  return out;
}

}  // namespace settings
}  // namespace membudget
