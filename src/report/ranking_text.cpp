// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "membudget/rank_report.hpp"
#include "report/layout.hpp"

namespace membudget {
namespace {

constexpr double billion = 1e9;

double gib(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(1 << 30);
}

std::string rate(const RankedModel& model) {
  return model.speed ? fmt::format("{:.0f}", model.speed->generation.tps) : "-";
}

std::string table(const Ranking& ranking) {
  std::string out =
      fmt::format("{:>2} {:<30} {:<9} {:>5} {:>4} {:>4} {:>4} {:>5} {:>4} {:>5}\n", "#", "model",
                  "quant", "GiB", "t/s", "cap.", "qual", "speed", "room", "score");
  std::size_t place = 0;
  for (const RankedModel& each : ranking.models) {
    out += fmt::format(
        "{:>2} {:<30} {:<9} {:>5.1f} {:>4} {:>4.2f} {:>4.2f} {:>5.2f} {:>4.2f} {:>5.3f}\n", ++place,
        each.entry.id, each.quantization, gib(each.plan.footprint.total()), rate(each),
        each.factors.capability, each.factors.quality, each.factors.speed, each.factors.room,
        each.factors.score());
  }
  return out;
}

/// Models that were ranked too, but beyond as many as were asked for: the rest of the catalog.
std::size_t ranked_below(const RankReport& report) {
  const LeftOut& left = report.ranking.left_out;
  const std::size_t named = report.ranking.models.size() + left.other_task + left.too_weak +
                            left.short_context + left.too_large + left.too_slow + left.not_planned +
                            left.older;
  return report.catalog - std::min(named, report.catalog);
}

std::string left_out(const RankReport& report) {
  const LeftOut& left = report.ranking.left_out;
  std::vector<std::string> parts;
  const auto add = [&](std::size_t count, std::string_view why) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {}", count, why));
    }
  };
  add(ranked_below(report), "ranked below");
  add(left.too_large, "too large");
  add(left.too_slow, "too slow");
  add(left.short_context, "trained for less context");
  add(left.other_task, "made for other tasks");
  add(left.too_weak, "too weak for the task");
  add(left.older, "of the same shapes as a better one");
  add(left.not_planned, "that could not come among these");
  return parts.empty() ? "" : fmt::format("Left out: {}.", fmt::join(parts, ", "));
}

/// A sentence on lines as wide as the style has them.
void add_sentence(std::string& out, const std::string& text, const TextStyle& style) {
  for (const std::string& line : report::wrapped(text, style.width)) {
    out += line;
    out += '\n';
  }
}

/// Each factor of a model with what it rests on.
std::string explained(const RankedModel& model) {
  const Worth& worth = model.worth;
  std::string out = fmt::format(
      "{}\n  worth {:.3g}B = {:.3g}B dense x {:.2f} for its generation x {:.2f} for its training\n",
      model.entry.id, worth.parameters / billion, worth.size / billion, worth.age, worth.training);
  for (const std::string& reason : worth.reasons) {
    out += fmt::format("    {}\n", reason);
  }
  if (model.figure) {
    out += fmt::format("  quality: perplexity {:+.2f} % with {} on {} ({})\n",
                       100 * *model.figure->perplexity_increase, model.quantization,
                       model.figure->model, model.figure->source);
  } else {
    out += "  quality: published in these types, or nobody measured what they lose\n";
  }
  return out;
}

}  // namespace

std::vector<std::string> how_to_get(const RankedModel& model) {
  const CatalogEntry& entry = model.entry;
  if (entry.ollama.empty()) {
    return {fmt::format("no tag in Ollama's library is known; take a {} GGUF of {}",
                        model.quantization,
                        entry.repository.empty() ? entry.name : entry.repository)};
  }
  std::vector<std::string> out{fmt::format("ollama pull {}", entry.ollama.front())};
  if (entry.default_quantization != model.quantization) {
    out.push_back(fmt::format("that tag holds {}; for {} take a GGUF of {}",
                              entry.default_quantization, model.quantization,
                              entry.repository.empty() ? entry.name : entry.repository));
  }
  return out;
}

std::string why_first(const Ranking& ranking) {
  if (ranking.models.empty()) {
    return "";
  }
  const RankedModel& first = ranking.models.front();
  if (ranking.models.size() == 1) {
    return fmt::format("{} is the only one that fits and is fast enough.", first.entry.id);
  }
  const auto better = advantages(first, ranking.models[1]);
  return better.empty() ? fmt::format("{} and {} are equal as far as is known.", first.entry.id,
                                      ranking.models[1].entry.id)
                        : fmt::format("{} is first: against {} it {}.", first.entry.id,
                                      ranking.models[1].entry.id, fmt::join(better, "; it "));
}

std::string to_text(const RankReport& report, const TextStyle& style) {
  const Ranking& ranking = report.ranking;
  const RankRequest& request = ranking.request;
  std::string out =
      fmt::format("{} on {}: {} of {} models, {} tokens of context, {} {}\n\n", request.task,
                  report.machine.chip.id, ranking.models.size(), report.catalog,
                  *request.workload.context, report.runtime.id, report.runtime.version);
  if (ranking.models.empty()) {
    add_sentence(out,
                 fmt::format("Nothing fits. {} Ask for less context or a lower --min-tps.",
                             left_out(report)),
                 style);
    return out;
  }
  out += table(ranking);
  out +=
      "score = capability x quality x speed x room; capability is judged from size,\n"
      "generation and training, not measured: --explain shows how\n\n";
  if (ranking.last_resort) {
    out += "Nothing fits at about 4 bits; below that quality falls quickly.\n";
  }
  add_sentence(out, why_first(ranking), style);
  if (ranking.models.size() > 1) {
    const auto more = advantages(ranking.models[1], ranking.models.front());
    add_sentence(out,
                 more.empty() ? fmt::format("{} offers nothing more.", ranking.models[1].entry.id)
                              : fmt::format("{} offers more: it {}.", ranking.models[1].entry.id,
                                            fmt::join(more, "; it ")),
                 style);
  }
  if (const RankedModel* fallback = fallback_of(ranking)) {
    add_sentence(
        out,
        fmt::format("When memory gets short: {} at {} ({}).", fallback->entry.id,
                    to_text(fallback->plan.footprint.total()), how_to_get(*fallback).front()),
        style);
  }
  if (report.documents) {
    add_sentence(out,
                 fmt::format("The documents choose {} ({}).", report.documents->model,
                             report.documents->source),
                 style);
  }
  add_sentence(out, left_out(report), style);
  out += "\n";
  for (const std::string& line : how_to_get(ranking.models.front())) {
    out += fmt::format("  {}\n", line);
  }
  if (style.explain) {
    for (const RankedModel& each : ranking.models) {
      out += fmt::format("\n{}", explained(each));
    }
  }
  return out;
}

}  // namespace membudget
