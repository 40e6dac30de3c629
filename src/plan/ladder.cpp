// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <utility>

#include "membudget/advise.hpp"
#include "plan/levers.hpp"
#include "plan/steps.hpp"

namespace membudget {
namespace {

/// Plans of combinations that a ladder may cost; each takes 0.3 to 5 ms.
constexpr int most_plans = 32;
constexpr std::size_t most_combinations = 5;

/// Which position each lever has, 0 = as asked.
using Choice = std::vector<std::size_t>;

struct Combination {
  Choice choice;
  std::int64_t regret = 0;
};

/// Whether `part` changes nothing that `whole` does not change as much or more.
bool within(const Choice& part, const Choice& whole) {
  return std::equal(part.begin(), part.end(), whole.begin(),
                    [](std::size_t a, std::size_t b) { return a <= b; });
}

class Climb {
 public:
  Climb(Steps& steps, const AdviceRules& rules, std::vector<Positions> levers)
      : steps_(steps), rules_(rules), levers_(std::move(levers)) {}

  std::vector<Step> run() {
    for (std::size_t lever = 0; lever < levers_.size(); ++lever) {
      singles_.emplace_back();
      for (std::size_t at = 0; at < levers_[lever].size(); ++at) {
        Choice choice(levers_.size(), 0);
        choice[lever] = at + 1;
        singles_.back().push_back(steps_.with({&levers_[lever][at]}));
        const auto& step = singles_.back().back();
        if (step && reaches(*step)) {
          solved_.emplace_back(std::move(choice), step->plan.verdict);
        }
      }
    }
    std::vector<Step> reaching = combinations();
    std::vector<Step> helping;
    const auto sort_in = [&](std::optional<Step> step) {
      if (step && step->plan.headroom > steps_.asked().headroom) {
        (reaches(*step) ? reaching : helping).push_back(std::move(*step));
      }
    };
    for (auto& lever : singles_) {
      for (auto& step : lever) {
        sort_in(std::move(step));
      }
    }
    auto longest = steps_.with_longest_context(rules_.least_context);
    const auto is_listed = [&](const Step& step) {
      return step.changes.size() == 1 && step.changes.front().to == longest->changes.front().to &&
             step.changes.front().lever == Lever::context;
    };
    if (longest && std::ranges::none_of(reaching, is_listed) &&
        std::ranges::none_of(helping, is_listed)) {
      sort_in(std::move(longest));
    }
    sort_in(steps_.with_file_read());
    sort_in(steps_.with_experts_on_cpu());
    sort_in(steps_.with_layers_on_cpu());
    order(reaching);
    order(helping);
    std::move(helping.begin(), helping.end(), std::back_inserter(reaching));
    return reaching;
  }

 private:
  /// Whether a step brings a better verdict: fitting, or comfort to what is tight already.
  [[nodiscard]] bool reaches(const Step& step) const {
    return fits(step.plan.verdict) && step.plan.verdict < steps_.asked().verdict;
  }

  void order(std::vector<Step>& steps) const {
    const Binding binding = steps_.asked().binding;
    std::stable_sort(steps.begin(), steps.end(), [&](const Step& a, const Step& b) {
      const auto key = [&](const Step& step) {
        return std::tuple(step.regret, step.changes.size(), Bytes() - step.saves(binding));
      };
      return key(a) < key(b);
    });
  }

  /// What a combination can gain: at most what its parts gain one by one, for a smaller cache is
  /// shortened for less. Nothing = not known, because a part alone is refused.
  [[nodiscard]] std::optional<Bytes> most_gain(const Choice& choice) const {
    Bytes out;
    for (std::size_t lever = 0; lever < choice.size(); ++lever) {
      if (choice[lever] == 0) {
        continue;
      }
      const auto& single = singles_[lever][choice[lever] - 1];
      if (!single) {
        return std::nullopt;
      }
      // A raised limit is fitted to its plan; together with others it is lower, and gains as much.
      const bool raised = levers_[lever][choice[lever] - 1].raises_wired_limit;
      out += raised ? steps_.asked().budget.ram_available - steps_.asked().budget.gpu_limit
                    : single->plan.headroom - steps_.asked().headroom;
    }
    return out;
  }

  [[nodiscard]] std::vector<Combination> candidates() const {
    const Bytes needed = Bytes() - steps_.asked().headroom;
    std::vector<Combination> out{{Choice(levers_.size(), 0), 0}};
    for (std::size_t lever = 0; lever < levers_.size(); ++lever) {
      const std::size_t before = out.size();
      for (std::size_t i = 0; i < before; ++i) {
        for (std::size_t at = 0; at < levers_[lever].size(); ++at) {
          const Position& position = levers_[lever][at];
          const bool other_model = position.alternative != nullptr && replaces_model(out[i].choice);
          // Without gain it would only be carried along.
          const auto& single = singles_[lever][at];
          if (other_model || (single && single->plan.headroom <= steps_.asked().headroom)) {
            continue;
          }
          Combination next = out[i];
          next.choice[lever] = at + 1;
          next.regret += position.regret;
          out.push_back(std::move(next));
        }
      }
    }
    out.erase(std::remove_if(out.begin(), out.end(),
                             [&](const Combination& each) {
                               const auto changes =
                                   std::count_if(each.choice.begin(), each.choice.end(),
                                                 [](std::size_t at) { return at > 0; });
                               const auto gain = most_gain(each.choice);
                               return changes < 2 || (gain && *gain < needed);
                             }),
              out.end());
    std::stable_sort(out.begin(), out.end(), [](const Combination& a, const Combination& b) {
      return a.regret < b.regret;
    });
    return out;
  }

  [[nodiscard]] bool replaces_model(const Choice& choice) const {
    for (std::size_t lever = 0; lever < choice.size(); ++lever) {
      if (choice[lever] > 0 && levers_[lever][choice[lever] - 1].alternative != nullptr) {
        return true;
      }
    }
    return false;
  }

  std::vector<Step> combinations() {
    std::vector<Step> out;
    int plans = 0;
    for (const Combination& each : candidates()) {
      if (plans == most_plans || out.size() == most_combinations) {
        break;
      }
      const bool part_suffices =
          std::any_of(solved_.begin(), solved_.end(), [&](const auto& solved) {
            return solved.second == Verdict::comfortable && within(solved.first, each.choice);
          });
      if (part_suffices) {
        continue;
      }
      std::vector<const Position*> changed;
      for (std::size_t lever = 0; lever < each.choice.size(); ++lever) {
        if (each.choice[lever] > 0) {
          changed.push_back(&levers_[lever][each.choice[lever] - 1]);
        }
      }
      ++plans;
      auto step = steps_.with(changed);
      if (!step || !reaches(*step)) {
        continue;
      }
      const bool no_better = std::any_of(solved_.begin(), solved_.end(), [&](const auto& solved) {
        return solved.second <= step->plan.verdict && within(solved.first, each.choice);
      });
      solved_.emplace_back(each.choice, step->plan.verdict);
      if (!no_better) {
        steps_.attribute(*step, changed);
        out.push_back(std::move(*step));
      }
    }
    return out;
  }

  Steps& steps_;
  const AdviceRules& rules_;
  std::vector<Positions> levers_;
  std::vector<std::vector<std::optional<Step>>> singles_;
  std::vector<std::pair<Choice, Verdict>> solved_;
};

/// What a comfortable plan has room for.
class Luxury {
 public:
  Luxury(Steps& steps, const Model& model, const Machine& machine, const Runtime& runtime,
         const AdviceRules& rules, std::span<const Alternative> alternatives)
      : steps_(steps),
        model_(model),
        machine_(machine),
        runtime_(runtime),
        rules_(rules),
        alternatives_(alternatives) {}

  std::vector<Step> run() {
    std::vector<Step> out;
    const auto take = [&](std::optional<Step> step) {
      if (step && step->plan.verdict == Verdict::comfortable) {
        out.push_back(std::move(*step));
        return true;
      }
      return false;
    };
    finest(take);
    take(unquantized_cache());
    take(longer_context());
    largest(take);
    return out;
  }

 private:
  [[nodiscard]] bool may_fit(const Alternative& each) const {
    return each.at_least <= steps_.asked().budget.ram_available &&
           each.at_least <= steps_.asked().budget.gpu_limit;
  }

  std::optional<Step> instead(const Alternative& each, const std::string& from) {
    Position position;
    position.change = {each.lever, from, each.name, Bytes()};
    position.alternative = &each;
    return steps_.with({&position});
  }

  template <class Take>
  void finest(Take take) {
    const std::int64_t own = rank_of(model_.quantization, rules_);
    std::vector<const Alternative*> finer;
    for (const Alternative& each : alternatives_) {
      const std::int64_t rank = rank_of(each.name, rules_);
      if (each.lever == Lever::quantization && rank >= 0 && rank < own && may_fit(each)) {
        finer.push_back(&each);
      }
    }
    std::sort(finer.begin(), finer.end(), [&](const Alternative* a, const Alternative* b) {
      return rank_of(a->name, rules_) < rank_of(b->name, rules_);
    });
    static_cast<void>(std::any_of(finer.begin(), finer.end(), [&](const Alternative* each) {
      return take(instead(*each, model_.quantization));
    }));
  }

  template <class Take>
  void largest(Take take) {
    std::vector<const Alternative*> larger;
    const double own = static_cast<double>(model_.tensors.total().count());
    for (const Alternative& each : alternatives_) {
      // The bound is a tenth low, so that another one of the same size is not called larger.
      if (each.lever == Lever::model && static_cast<double>(each.at_least.count()) > own &&
          may_fit(each)) {
        larger.push_back(&each);
      }
    }
    std::sort(larger.begin(), larger.end(),
              [](const Alternative* a, const Alternative* b) { return b->at_least < a->at_least; });
    static_cast<void>(std::any_of(larger.begin(), larger.end(), [&](const Alternative* each) {
      return take(instead(*each, model_.id));
    }));
  }

  std::optional<Step> unquantized_cache() {
    const Settings& settings = steps_.asked().footprint.settings;
    if (!format_of(settings.cache_type_k).quantized &&
        !format_of(settings.cache_type_v).quantized) {
      return std::nullopt;
    }
    Position position;
    position.change = {Lever::cache_type, option_name(settings.cache_type_k), "f16", Bytes()};
    position.apply = [](Workload& workload) {
      workload.cache_type_k = workload.cache_type_v = ElementType::f16;
    };
    return steps_.with({&position});
  }

  std::optional<Step> longer_context() {
    const std::int64_t now = *steps_.workload().context;
    const std::int64_t tokens = max_context(model_, machine_, runtime_, steps_.workload(),
                                            steps_.asked().budget.safety_margin);
    if (tokens <= now) {
      return std::nullopt;
    }
    Position position;
    position.change = {Lever::context, std::to_string(now), std::to_string(tokens), Bytes()};
    position.apply = [tokens](Workload& workload) { workload.context = tokens; };
    return steps_.with({&position});
  }

  Steps& steps_;
  const Model& model_;
  const Machine& machine_;
  const Runtime& runtime_;
  const AdviceRules& rules_;
  std::span<const Alternative> alternatives_;
};

}  // namespace

Ladder ladder(const Model& model, const Machine& machine, const Runtime& runtime,
              const Workload& workload, const AdviceRules& rules, const QualityTable& quality,
              std::span<const Alternative> alternatives) {
  Steps steps(model, machine, runtime, workload, rules);
  Ladder out;
  out.asked = steps.asked();
  if (out.asked.verdict == Verdict::comfortable) {
    out.affordable = Luxury(steps, model, machine, runtime, rules, alternatives).run();
  } else if (!fits(out.asked.verdict) || out.asked.headroom < out.asked.budget.safety_margin) {
    // Where only what is assumed keeps a plan from being comfortable there is nothing to save.
    out.steps =
        Climb(steps, rules, positions(model, out.asked, runtime, rules, quality, alternatives))
            .run();
  }
  return out;
}

}  // namespace membudget
