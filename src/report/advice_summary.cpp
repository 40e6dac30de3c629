// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "report/summary.hpp"

namespace membudget::report {
namespace {

constexpr std::size_t best_changes = 3;

std::string size_of_mib(const std::string& mebibytes) {
  return to_text(mib(std::strtoll(mebibytes.c_str(), nullptr, 10)));
}

std::string change_words(const Change& change) {
  const auto instead = [&](std::string_view what) {
    return fmt::format("{} instead of {}", fmt::format(fmt::runtime(what), change.to), change.from);
  };
  switch (change.lever) {
    case Lever::flash_attention:
      return "flash attention";
    case Lever::swa_full:
      return "sliding windows without the whole context";
    case Lever::ubatch:
      return instead("a physical batch of {}");
    case Lever::prefill_step:
      return instead("prompt steps of {}");
    case Lever::parallel:
      return instead(change.to == "1" ? "{} slot" : "{} slots");
    case Lever::cache_type:
      return instead("{} cache");
    case Lever::context:
      return instead("{} tokens");
    case Lever::wired_limit:
      return fmt::format("GPU limit raised to {} (iogpu.wired_limit_mb={})", size_of_mib(change.to),
                         change.to);
    case Lever::quantization:
    case Lever::model:
      return instead("{}");
    case Lever::n_cpu_moe:
      return fmt::format("experts of {} layers on the CPU (--n-cpu-moe)", change.to);
    case Lever::gpu_layers:
      return instead("{} layers on the GPU (--gpu-layers)");
    case Lever::mmap:
      return "weights read instead of mapped (--no-mmap)";
  }
  return "";
}

std::string rate(const Speed& speed) {
  return fmt::format("about {:.3g} tokens/s", speed.generation.tps);
}

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace

std::string words(const std::vector<Change>& changes) {
  std::string out;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    out += i == 0 ? "" : i + 1 == changes.size() ? " and " : ", ";
    out += change_words(changes[i]);
  }
  return out;
}

std::string effect(const StepReport& row, const Plan& asked) {
  const Plan& plan = row.step.plan;
  const Bytes saves = row.step.saves(asked.binding);
  const std::string what = saves > Bytes{} ? fmt::format("saves {}, then ", to_text(saves))
                           : saves < Bytes{}
                               ? fmt::format("takes {} more, then ", to_text(Bytes{} - saves))
                               : std::string();
  if (plan.verdict == Verdict::comfortable) {
    return fmt::format("{}fits comfortably, {} left", what, to_text(plan.headroom));
  }
  if (plan.verdict == Verdict::tight) {
    return fmt::format("{}fits, but tight, {} left", what, to_text(plan.headroom));
  }
  return fmt::format("{}still {} too much", what, to_text(Bytes{} - plan.headroom));
}

std::string costs(const StepReport& row, bool all) {
  std::vector<std::string> out;
  // A rate of what does not lie in memory would be a promise.
  const bool rated = row.speed && row.speed->generation.tps > 0 && fits(row.step.plan.verdict);
  if (rated) out.push_back(rate(*row.speed));
  if (all || !rated) {
    out.insert(out.end(), row.step.speed_costs.begin(), row.step.speed_costs.end());
  }
  out.insert(out.end(), row.step.quality_costs.begin(), row.step.quality_costs.end());
  return joined(out);
}

const StepReport* offloaded(const PlanReport& report) {
  const StepReport* layers = nullptr;
  for (const auto& row : report.changes) {
    const auto& changes = row.step.changes;
    if (changes.size() != 1 && !(changes.size() == 2 && changes[1].lever == Lever::mmap)) continue;
    const Lever lever = changes.front().lever;
    if (lever == Lever::n_cpu_moe) return &row;
    if (lever == Lever::gpu_layers) layers = &row;
  }
  return layers;
}

bool reaches(const StepReport& row, const Plan& asked) {
  return fits(row.step.plan.verdict) && row.step.plan.verdict < asked.verdict;
}

std::string advice_title(const PlanReport& report) {
  if (!report.affordable.empty()) return "What there is room for";
  if (report.changes.empty()) return "";
  if (reaches(report.changes.front(), report.plan)) return "Best changes";
  return fits(report.plan.verdict) ? "What helps most" : "Nothing makes it fit; what helps most";
}

std::vector<Entry> advice(const PlanReport& report) {
  std::vector<Entry> out;
  const bool room = !report.affordable.empty();
  const auto& rows = room ? report.affordable : report.changes;
  for (const auto& row : rows) {
    // Those that only help are no news beside those that make it fit.
    const bool less = !room && reaches(rows.front(), report.plan) && !reaches(row, report.plan);
    if (less || (!room && out.size() == best_changes)) break;
    out.push_back({fmt::format("{}: {}", words(row.step.changes), effect(row, report.plan)),
                   costs(row, false)});
  }
  return out;
}

std::vector<Entry> whole_ladder(const PlanReport& report) {
  std::vector<Entry> out;
  for (const auto& row : report.changes) {
    const Step& step = row.step;
    std::string text = fmt::format("{} points; GPU {:+} B, in all {:+} B", step.regret,
                                   -step.saves_gpu.count(), -step.saves_total.count());
    if (const auto cost = costs(row, true); !cost.empty()) text += "; " + cost;
    if (!step.sources.empty()) text += fmt::format(" (source: {})", joined(step.sources));
    out.push_back(
        {fmt::format("{}: {}", words(step.changes), effect(row, report.plan)), std::move(text)});
  }
  return out;
}

std::string recommended(const PlanReport& report) {
  const auto& settings = report.plan.footprint.settings;
  const std::string types = cache_types(settings);
  // As they are spoken: an f16 and an iq4_nl cache, a q8_0 one.
  const std::string_view article = types.starts_with('f') || types.starts_with('i') ? "an" : "a";
  std::string out =
      fmt::format("Take {} with {} {} cache, {} tokens and a physical batch of {}",
                  report.model.quantization, article, types, settings.context, settings.ubatch);
  const auto all = static_cast<std::int64_t>(report.model.layers.size()) + 1;
  if (settings.n_cpu_moe > 0) {
    out += fmt::format(", experts of {} layers on the CPU", settings.n_cpu_moe);
  }
  if (gpu_layers(report) < all) {
    out += fmt::format(", {} of {} layers on the GPU", gpu_layers(report), all);
  }
  return out + ".";
}

std::vector<Entry> considered(const Recommendation& recommendation) {
  std::vector<Entry> out;
  for (const auto& each : recommendation.considered) {
    auto label = fmt::format("{}, {} cache, {} tokens", each.quantization,
                             cache_type(each.cache_type), each.context);
    if (!each.verdict && !each.why_not.empty()) label = each.quantization;
    out.push_back(
        {std::move(label), each.why_not.empty() ? "taken" : each.why_not, each.why_not.empty()});
  }
  return out;
}

std::int64_t longest_trained(const PlanReport& report) {
  return trained_tokens(report.model, report.runtime.engine, report.plan.footprint.settings);
}

std::string rope_note(const PlanReport& report) {
  const auto trained = longest_trained(report);
  if (report.stretched_context <= trained || trained <= 0) return "";
  return fmt::format(
      "Memory has room for {} tokens. Beyond the {} it was trained for it needs RoPE scaling "
      "(llama.cpp: {}), which may cost "
      "quality, of short texts too.",
      report.stretched_context, trained,
      rope_scaling_options(report.stretched_context, trained, report.model.trained_context));
}

}  // namespace membudget::report
