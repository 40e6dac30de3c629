// SPDX-License-Identifier: MIT
#include "report/stack_summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace membudget::report {
namespace {

constexpr double gigabyte = 1e9;

std::string plural(std::int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string step_text(const StackStep& step) {
  const Plan& plan = step.plan;
  const std::string then =
      fits(plan.verdict) ? fmt::format("then {}, {} left",
                                       plan.verdict == Verdict::comfortable ? "fits comfortably"
                                                                            : "fits, but tight",
                                       to_text(plan.headroom))
                         : fmt::format("{} too much then", to_text(Bytes() - plan.headroom));
  std::string out = fmt::format("saves {}, {}", to_text(step.change.saves), then);
  for (const std::string& cost : {step.speed_cost, step.quality_cost}) {
    out += cost.empty() ? "" : "; " + cost;
  }
  return out;
}

Entry step_entry(const StackReport& report, const StackStep& step) {
  return {.label = fmt::format("{}: {}", report.stack.members[step.member].name,
                               words(std::vector<Change>{step.change})),
          .text = step_text(step)};
}

std::string at(double seconds) {
  return fmt::format("{:.1f} s", seconds);
}

}  // namespace

std::string headline(const StackReport& report) {
  const Machine& machine = report.stack.machine;
  return fmt::format("{} on {}, {} RAM, {}", report.stack.name, machine.chip.name,
                     to_text(machine.chip.ram), system_words(machine));
}

std::string member_line(const StackMember& member, const MemberPlan& plan) {
  const Settings& settings = plan.one.settings;
  std::string out =
      fmt::format("{} {} with {} {}: {} tokens, {} cache, {}", member.model->id,
                  member.model->quantization, member.runtime.id, member.runtime.version,
                  settings.context, cache_types(settings), plural(settings.parallel, "slot"));
  if (member.workload.draft != nullptr) {
    out += fmt::format(", drafted by {}", member.workload.draft->id);
  }
  if (settings.embeddings) {
    out += ", embeddings";
  }
  if (member.residency == Residency::on_demand) {
    const std::int64_t kept = member.keep_alive_s.value_or(member.server.keep_alive_s);
    out += kept < 0    ? fmt::format(", loaded on demand by {}", member.server.name)
           : kept == 0 ? ", loaded for each request"
                       : fmt::format(", loaded on demand, kept {} s", kept);
  }
  return member.role.empty() ? out : fmt::format("{}: {}", member.role, out);
}

std::vector<SumRow> sums(const StackReport& report) {
  const StackPlan& plan = report.plan;
  const auto row = [](std::string label, const Footprint& sum) {
    return SumRow{std::move(label), sum.total(Place::gpu), sum.total()};
  };
  std::vector<SumRow> out;
  const bool differ = plan.all.footprint.total() != plan.peak.footprint.total();
  out.push_back(row(differ ? "must fit at once" : "all busy", plan.peak.footprint));
  if (differ) {
    out.push_back(row("all of them", plan.all.footprint));
  }
  if (plan.idle_total != plan.peak.footprint.total()) {
    out.push_back({"idle", plan.idle_gpu, plan.idle_total});
  }
  return out;
}

std::string alone_rate(const MemberPlan& plan) {
  return plan.alone && plan.alone->generation.tps > 0
             ? fmt::format("{:.3g}", plan.alone->generation.tps)
             : "-";
}

std::string shared_rate(const MemberPlan& plan) {
  return plan.shared_tps > 0 ? fmt::format("{:.3g}", plan.shared_tps) : "-";
}

std::string load_time(const MemberPlan& plan) {
  return plan.load_s ? fmt::format("{:.1f} s", *plan.load_s) : "-";
}

std::string speed_note(const StackReport& report) {
  const auto generates = [](const MemberPlan& plan) { return plan.shared_tps > 0; };
  if (std::none_of(report.plan.members.begin(), report.plan.members.end(), generates)) {
    return {};
  }
  std::string out = "Tokens per second of each process, alone.";
  if (report.plan.busy > 1) {
    out = fmt::format(
        "Tokens per second of each process: alone, and at least that when all {} generate at once: "
        "they share bandwidth and GPU, 1/{} each; one that pauses leaves its part to the others.",
        report.plan.busy, report.plan.busy);
  }
  if (report.stack.storage) {
    out += fmt::format(" Loading takes at least the SSD's {} GB/s; mapped files load slower.",
                       report.stack.storage->read_gbs);
  }
  return out;
}

std::vector<Entry> steps_together(const StackReport& report) {
  std::vector<Entry> out;
  for (const StackStep& step : report.ladder.together) {
    out.push_back(step_entry(report, step));
  }
  return out;
}

std::vector<Entry> steps_alone(const StackReport& report, std::size_t most) {
  std::vector<Entry> out;
  std::set<std::pair<std::size_t, Lever>> shown;
  for (const StackStep& step : report.ladder.singles) {
    if (out.size() == most) {
      break;
    }
    // Of one lever of one member the step most worth it; the others go further the same way.
    if (!shown.emplace(step.member, step.change.lever).second) {
      continue;
    }
    out.push_back(step_entry(report, step));
    out.back().text += fmt::format(" ({} per point of regret)",
                                   to_text(Bytes(static_cast<std::int64_t>(step.worth()))));
  }
  return out;
}

std::vector<Entry> swaps(const StackReport& report) {
  std::vector<Entry> out;
  if (report.plan.peak.verdict == Verdict::comfortable) {
    return out;
  }
  for (std::size_t i = 0; i < report.stack.members.size(); ++i) {
    const StackMember& member = report.stack.members[i];
    const MemberPlan& plan = report.plan.members[i];
    if (member.residency == Residency::resident && report.stack.members.size() > 1) {
      out.push_back({.label = member.name,
                     .text = fmt::format(
                         "frees {} while it is not needed{}", to_text(plan.total),
                         plan.load_s ? fmt::format(", costs {} per load or more", at(*plan.load_s))
                                     : std::string())});
    }
  }
  return out;
}

std::vector<Entry> schedule_figures(const StackReport& report) {
  const Schedule& schedule = *report.schedule;
  double longest = 0;
  double sum = 0;
  for (const RequestOutcome& each : schedule.outcomes) {
    longest = std::max(longest, each.waited_s);
    sum += each.waited_s;
  }
  const auto count = static_cast<std::int64_t>(schedule.outcomes.size());
  std::vector<Entry> out;
  out.push_back(
      {"requests", fmt::format("{} in {}, {} failed", count, at(schedule.end_s), schedule.failed)});
  out.push_back(
      {"loads", fmt::format("{} taking {}; {}, {} when idle", schedule.loads,
                            at(schedule.loading_s), plural(schedule.evictions, "eviction"),
                            plural(schedule.expirations, "unload"))});
  out.push_back(
      {"peak", fmt::format("{} on the GPU after {}, {} in all", to_text(schedule.peak_gpu),
                           at(schedule.peak_at_s), to_text(schedule.peak_total))});
  if (count > 0) {
    out.push_back({"waiting", fmt::format("{} on average, {} at most",
                                          at(sum / static_cast<double>(count)), at(longest))});
  }
  return out;
}

std::vector<Entry> schedule_events(const StackReport& report, std::size_t most) {
  std::vector<Entry> out;
  std::size_t more = 0;
  for (const ScheduleEvent& event : report.schedule->events) {
    if (event.kind == ScheduleEventKind::served ||
        (event.kind == ScheduleEventKind::loaded && event.why.empty())) {
      continue;
    }
    if (out.size() == most) {
      ++more;
      continue;
    }
    out.push_back({.label = at(event.at_s),
                   .text = fmt::format(
                       "{} {}: {} on the GPU{}{}", report.stack.members[event.member].name,
                       event.kind == ScheduleEventKind::out_of_memory ? "fails for want of memory"
                                                                      : to_string(event.kind),
                       to_text(event.gpu), event.why.empty() ? "" : "; ", event.why)});
  }
  if (more > 0) {
    out.push_back({.label = "", .text = fmt::format("and {} more, see --json", more)});
  }
  return out;
}

std::vector<Entry> claims(const StackReport& report) {
  std::vector<Entry> out;
  for (const ClaimReport& each : report.claims) {
    out.push_back(
        {.label = each.claim.says,
         .text = fmt::format("here {} ({:.1f} GB){}. {}", to_text(each.ours),
                             static_cast<double>(each.ours.count()) / gigabyte,
                             each.claim.members.empty()
                                 ? std::string()
                                 : fmt::format(" for {}", fmt::join(each.claim.members, ", ")),
                             each.claim.why)});
  }
  return out;
}

std::vector<std::string> answers(const StackReport& report) {
  std::vector<std::string> out;
  const StackMember& member = report.stack.members.back();
  const std::string beside = report.stack.members.size() > 1 ? " beside the others" : "";
  if (report.max_count) {
    out.push_back(*report.max_count == 0
                      ? fmt::format("Not one process of {} fits{}.", member.name, beside)
                      : fmt::format("{} process{} of {} fit{}, and one more does not.",
                                    *report.max_count, *report.max_count == 1 ? "" : "es",
                                    member.name, beside));
  }
  if (report.max_parallel) {
    const Settings& settings = report.plan.members.back().one.settings;
    const std::int64_t each = settings.context / std::max<std::int64_t>(settings.parallel, 1);
    out.push_back(
        *report.max_parallel == 0
            ? fmt::format("Not one slot of {} tokens of {} fits{}.", each, member.name, beside)
            : fmt::format(
                  "{} of {} tokens each fit in one process of {}{}{}.",
                  plural(*report.max_parallel, "slot"), each, member.name, beside,
                  *report.max_parallel == 256 ? ", the most that llama-server serves" : ""));
  }
  return out;
}

}  // namespace membudget::report
