// SPDX-License-Identifier: MIT
#include "membudget/rank.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <map>
#include <thread>
#include <tuple>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/quality.hpp"

namespace membudget {
namespace {

// Models are planned so many at a time; what they reach decides whether any more are. Not a
// function of the threads, so that these do not change the answer.
constexpr std::size_t batch_size = 16;

/// The file type that a model keeps because it was trained in it.
bool is_native(std::string_view quantization) {
  return quantization.starts_with("MXFP4");
}

/// Bits per weight that most tensors have; the mixes only raise some. 0 when the name says nothing.
double base_bits(std::string name) {
  while (true) {
    if (const auto type = element_type_of_name(name)) {
      const ElementFormat& format = format_of(*type);
      return 8.0 * static_cast<double>(format.block_bytes) /
             static_cast<double>(format.block_elements);
    }
    const auto cut = name.rfind('_');
    if (cut == std::string::npos) {
      return 0;
    }
    name.resize(cut);
  }
}

struct Candidate {
  const CatalogEntry* entry = nullptr;
  Worth worth;
  double capability = 0;
};

enum class Outcome : std::uint8_t { ranked, too_large, too_slow };

struct Result {
  Outcome outcome = Outcome::too_large;
  RankedModel model;
  std::exception_ptr error;
};

class Ranker {
 public:
  Ranker(const ReadModel& read, const Machine& machine, const Runtime& runtime,
         const std::optional<SpeedRules>& speed_rules, const CapabilityRules& rules,
         const QualityTable& quality, const TaskRules& task, Ranking& out)
      : read_(read),
        machine_(machine),
        runtime_(runtime),
        speed_rules_(speed_rules),
        rules_(rules),
        quality_(quality),
        task_(task),
        out_(out),
        budget_(budget(machine, runtime)),
        room_(tighter_limit(budget_)) {}

  void run(std::span<const CatalogEntry> catalog, const std::vector<std::string>& quantizations) {
    out_.left_out = {};
    const std::vector<Candidate> candidates = candidates_of(catalog);
    std::size_t done = 0;
    while (done < candidates.size() && candidates[done].capability > least_score()) {
      const std::size_t end = std::min(done + batch_size, candidates.size());
      merge(planned(std::span(candidates).subspan(done, end - done), quantizations));
      done = end;
    }
    out_.left_out.not_planned = candidates.size() - done;
  }

 private:
  /// Those that may do the task, the most capable first; of equal shapes the most capable.
  std::vector<Candidate> candidates_of(std::span<const CatalogEntry> catalog) {
    std::vector<Candidate> out;
    for (const CatalogEntry& entry : catalog) {
      Candidate each{&entry, worth_of(entry, out_.request.task, rules_), 0};
      if (each.worth.parameters <= 0) {
        ++out_.left_out.other_task;
      } else if (each.worth.parameters < task_.least_parameters) {
        ++out_.left_out.too_weak;
      } else if (entry.trained_context > 0 &&
                 entry.trained_context < *out_.request.workload.context) {
        ++out_.left_out.short_context;
      } else {
        const double enough = out_.request.enough_parameters;
        const double worth =
            enough > 0 ? std::min(enough, each.worth.parameters) : each.worth.parameters;
        each.capability = std::pow(worth / rules_.reference_parameters, rules_.size_exponent);
        out.push_back(std::move(each));
      }
    }
    const auto shapes = [](const Candidate& each) {
      return std::pair(each.entry->parameters, each.entry->active_parameters);
    };
    std::sort(out.begin(), out.end(), [&](const Candidate& a, const Candidate& b) {
      return std::tuple(shapes(a), -a.worth.parameters, a.entry->id) <
             std::tuple(shapes(b), -b.worth.parameters, b.entry->id);
    });
    const auto last = std::unique(out.begin(), out.end(), [&](const auto& a, const auto& b) {
      return shapes(a) == shapes(b);
    });
    out_.left_out.older = static_cast<std::size_t>(out.end() - last);
    out.erase(last, out.end());
    std::sort(out.begin(), out.end(), [](const Candidate& a, const Candidate& b) {
      return std::tie(b.capability, a.entry->id) < std::tie(a.capability, b.entry->id);
    });
    return out;
  }

  /// What a model must exceed to come among those wanted.
  [[nodiscard]] double least_score() const {
    return out_.models.size() < out_.request.count ? 0 : out_.models.back().factors.score();
  }

  [[nodiscard]] std::vector<Result> planned(std::span<const Candidate> candidates,
                                            const std::vector<std::string>& quantizations) const {
    std::vector<Result> out(candidates.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < candidates.size(); i = next++) {
        try {
          out[i] = evaluated(candidates[i], quantizations);
        } catch (...) {
          out[i].error = std::current_exception();
        }
      }
    };
    std::vector<std::thread> others;
    for (unsigned i = 1; i < out_.request.threads; ++i) {
      others.emplace_back(work);
    }
    work();
    for (std::thread& each : others) {
      each.join();
    }
    return out;
  }

  void merge(std::vector<Result> results) {
    for (Result& each : results) {
      if (each.error) {
        std::rethrow_exception(each.error);
      }
      switch (each.outcome) {
        case Outcome::ranked:
          out_.models.push_back(std::move(each.model));
          break;
        case Outcome::too_large:
          ++out_.left_out.too_large;
          break;
        case Outcome::too_slow:
          ++out_.left_out.too_slow;
          break;
      }
    }
    std::sort(out_.models.begin(), out_.models.end(), [](const auto& a, const auto& b) {
      return std::tuple(-a.factors.score(), a.plan.footprint.total(), a.entry.id) <
             std::tuple(-b.factors.score(), b.plan.footprint.total(), b.entry.id);
    });
    if (out_.models.size() > out_.request.count) {
      out_.models.resize(out_.request.count);
    }
  }

  [[nodiscard]] bool may_fit(const CatalogEntry& entry, const std::string& quantization) const {
    // Some tensors are kept small or left out of a count, so a little less may do.
    constexpr double slack = 0.95;
    return slack * static_cast<double>(entry.parameters) * base_bits(quantization) / 8 <=
           static_cast<double>(room_.count());
  }

  [[nodiscard]] Result evaluated(const Candidate& candidate,
                                 const std::vector<std::string>& quantizations) const {
    const CatalogEntry& entry = *candidate.entry;
    const std::vector<std::string> native{entry.default_quantization};
    Result best;
    for (const std::string& name : is_native(entry.default_quantization) ? native : quantizations) {
      if (!may_fit(entry, name)) {
        continue;
      }
      Result each = planned_at(candidate, name);
      if (each.outcome == Outcome::ranked && each.model.plan.verdict == Verdict::comfortable &&
          each.model.factors.speed >= 1) {
        return each;
      }
      if (each.outcome == Outcome::ranked &&
          (best.outcome != Outcome::ranked ||
           each.model.factors.score() > best.model.factors.score())) {
        best = std::move(each);
      } else if (each.outcome == Outcome::too_slow && best.outcome == Outcome::too_large) {
        best.outcome = Outcome::too_slow;
      }
    }
    return best;
  }

  [[nodiscard]] Result planned_at(const Candidate& candidate, const std::string& name) const {
    Result out;
    const Model model = read_(*candidate.entry, name);
    if (model.tensors.total() > room_) {
      return out;
    }
    Workload workload = out_.request.workload;
    if (candidate.entry->modality == "embedding") {
      workload.embeddings = true;
    }
    out.model.plan = plan(model, runtime_, workload, budget_);
    if (!fits(out.model.plan.verdict)) {
      return out;
    }
    RankFactors& factors = out.model.factors;
    if (speed_rules_ && task_.seamless_tps > 0) {
      out.model.speed =
          speed(model, machine_, out.model.plan.footprint, *speed_rules_, out_.request.speed);
      const double tps = out.model.speed->generation.tps;
      if (tps < *out_.request.min_tps) {
        out.outcome = Outcome::too_slow;
        return out;
      }
      factors.speed = std::pow(std::min(1.0, tps / task_.seamless_tps), rules_.speed_exponent);
    }
    factors.capability = candidate.capability;
    factors.room = out.model.plan.verdict == Verdict::comfortable ? 1 : rules_.tight;
    if (!is_native(name)) {
      loss(model, name, out.model);
    }
    out.model.entry = *candidate.entry;
    out.model.worth = candidate.worth;
    out.model.quantization = name;
    out.outcome = Outcome::ranked;
    return out;
  }

  void loss(const Model& model, const std::string& name, RankedModel& out) const {
    for (QualityFigure& each : published_quality(quality_, name, parameters_of(model))) {
      if (each.perplexity_increase) {
        out.factors.quality = 1 / (1 + std::max(0.0, *each.perplexity_increase));
        out.figure = std::move(each);
        return;
      }
    }
  }

  const ReadModel& read_;
  const Machine& machine_;
  const Runtime& runtime_;
  const std::optional<SpeedRules>& speed_rules_;
  const CapabilityRules& rules_;
  const QualityTable& quality_;
  const TaskRules& task_;
  Ranking& out_;
  Budget budget_;
  Bytes room_;
};

}  // namespace

Ranking rank(std::span<const CatalogEntry> catalog, const ReadModel& read, const Machine& machine,
             const Runtime& runtime, const std::optional<SpeedRules>& speed_rules,
             const CapabilityRules& capability, const QualityTable& quality,
             const RankRequest& request) {
  const TaskRules* task = capability.task(request.task);
  if (task == nullptr) {
    std::vector<std::string> known;
    for (const TaskRules& each : capability.tasks) {
      known.push_back(each.name);
    }
    throw Error(
        Errc::bad_request, "--task",
        fmt::format("'{}' is not known; use one of {}", request.task, fmt::join(known, ", ")));
  }
  Ranking out;
  out.request = request;
  out.request.workload.context = request.workload.context.value_or(task->context);
  out.request.min_tps = request.min_tps.value_or(task->least_tps);
  if (request.quantizations.empty()) {
    out.request.quantizations = task->quantizations;
  }
  Ranker ranker(read, machine, runtime, speed_rules, capability, quality, *task, out);
  ranker.run(catalog, out.request.quantizations);
  if (out.models.empty()) {
    ranker.run(catalog, capability.last_resort);
    out.last_resort = !out.models.empty();
  }
  return out;
}

}  // namespace membudget
