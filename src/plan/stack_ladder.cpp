// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/stack.hpp"
#include "plan/levers.hpp"
#include "plan/stack_pool.hpp"

namespace membudget {
namespace {

constexpr int most_rounds = 16;

/// Which positions a member has: by lever, 0 = as asked.
using Choice = std::vector<std::size_t>;

/// A member as some choice makes it.
struct Variant {
  std::shared_ptr<const Model> model;  ///< nullptr: as asked.
  Workload workload;
  Footprint one;
};

class StackClimb {
 public:
  StackClimb(const Stack& stack, const AdviceRules& rules, const QualityTable& quality,
             std::span<const std::vector<Alternative>> alternatives)
      : stack_(stack), budget_(budget_of(stack)), read_(stack.members.size()) {
    for (std::size_t i = 0; i < stack.members.size(); ++i) {
      const StackMember& member = stack.members[i];
      Footprint one = footprint_of(member, budget_);
      Workload workload = member.workload;
      // Another model must not bring a default context of its own.
      if (one.settings.context > 0) {
        workload.context = one.settings.context;
      }
      const Plan alone = judge(one, budget_);
      levers_.push_back(positions(
          *member.model, alone, member.runtime, rules, quality,
          i < alternatives.size() ? std::span(alternatives[i]) : std::span<const Alternative>()));
      // The limit is the machine's, not a member's.
      std::erase_if(levers_.back(),
                    [](const Positions& each) { return each.front().raises_wired_limit; });
      choices_.emplace_back(levers_.back().size(), 0);
      known_.emplace_back();
      known_.back()[choices_.back()] =
          Variant{.model = nullptr, .workload = std::move(workload), .one = std::move(one)};
    }
    asked_ = judged();
  }

  StackLadder run() {
    StackLadder out;
    if (asked_.verdict == Verdict::comfortable) {
      return out;
    }
    for (const Candidate& each : candidates()) {
      if (auto step = taken(each, asked_)) {
        out.singles.push_back(std::move(*step));
      }
    }
    const auto key = [&](const StackStep& step) {
      const bool reaches = fits(step.plan.verdict) && step.plan.verdict < asked_.verdict;
      return std::tuple(!reaches, -step.worth(), step.regret);
    };
    std::stable_sort(out.singles.begin(), out.singles.end(),
                     [&](const StackStep& a, const StackStep& b) { return key(a) < key(b); });
    out.together = climb();
    return out;
  }

 private:
  struct Candidate {
    std::size_t member = 0;
    std::size_t lever = 0;
    std::size_t at = 0;  ///< Position + 1.
  };

  [[nodiscard]] const Position& position_of(const Candidate& each) const {
    return levers_[each.member][each.lever][each.at - 1];
  }

  /// Points of a lever's position, 0 as asked.
  [[nodiscard]] std::int64_t regret_of(std::size_t member, std::size_t lever,
                                       std::size_t at) const {
    return at == 0 ? 0 : levers_[member][lever][at - 1].regret;
  }

  [[nodiscard]] bool replaces_model(std::size_t member, std::size_t except) const {
    for (std::size_t lever = 0; lever < levers_[member].size(); ++lever) {
      const std::size_t at = choices_[member][lever];
      if (lever != except && at > 0 && levers_[member][lever][at - 1].alternative != nullptr) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::vector<Candidate> candidates() const {
    std::vector<Candidate> out;
    for (std::size_t member = 0; member < levers_.size(); ++member) {
      for (std::size_t lever = 0; lever < levers_[member].size(); ++lever) {
        const Positions& all = levers_[member][lever];
        for (std::size_t at = choices_[member][lever] + 1; at <= all.size(); ++at) {
          if (all[at - 1].alternative == nullptr || !replaces_model(member, lever)) {
            out.push_back({.member = member, .lever = lever, .at = at});
          }
        }
      }
    }
    return out;
  }

  /// nullptr where the engine refuses the settings.
  const Variant* variant(std::size_t member, const Choice& choice) {
    if (const auto found = known_[member].find(choice); found != known_[member].end()) {
      return found->second ? &*found->second : nullptr;
    }
    const StackMember& asked = stack_.members[member];
    Variant out;
    out.workload = known_[member].begin()->second->workload;  // As asked: all zeros sort first.
    for (std::size_t lever = 0; lever < choice.size(); ++lever) {
      if (choice[lever] == 0) {
        continue;
      }
      const Position& position = levers_[member][lever][choice[lever] - 1];
      if (position.apply) {
        position.apply(out.workload);
      }
      if (position.alternative != nullptr) {
        auto& model = read_[member][position.alternative];
        if (model == nullptr) {
          model = position.alternative->read();
        }
        out.model = model;
      }
    }
    StackMember changed = asked;
    changed.workload = out.workload;
    if (out.model != nullptr) {
      changed.model = out.model;
      const std::int64_t trained = out.model->trained_context;
      if (trained > 0 && trained < asked.model->trained_context &&
          changed.workload.context.value_or(0) > trained) {
        changed.workload.context = out.workload.context = trained;
      }
    }
    try {
      out.one = footprint_of(changed, budget_);
      return &*(known_[member][choice] = std::move(out));
    } catch (const Error& error) {
      if (error.code() != Errc::bad_request) {
        throw;
      }
      known_[member][choice] = std::nullopt;
      return nullptr;
    }
  }

  /// The whole as it is chosen now, with another variant of one member.
  Plan judged(std::size_t member = 0, const Variant* instead = nullptr) {
    std::vector<Holding> holdings;
    for (std::size_t i = 0; i < stack_.members.size(); ++i) {
      const Variant* each = instead != nullptr && i == member ? instead : variant(i, choices_[i]);
      holdings.push_back(
          {.member = &stack_.members[i], .one = &each->one, .count = stack_.members[i].count});
    }
    return peak_of(holdings, budget_).plan;
  }

  /// The step from the present choice; nothing when it is refused or gains nothing.
  std::optional<StackStep> taken(const Candidate& each, const Plan& before) {
    Choice choice = choices_[each.member];
    choice[each.lever] = each.at;
    const Variant* changed = variant(each.member, choice);
    if (changed == nullptr) {
      return std::nullopt;
    }
    StackStep out;
    out.plan = judged(each.member, changed);
    if (out.plan.headroom <= before.headroom) {
      return std::nullopt;
    }
    const Position& position = position_of(each);
    out.member = each.member;
    out.change = position.change;
    const bool gpu = asked_.binding == Binding::gpu;
    out.change.saves =
        gpu ? before.footprint.total(Place::gpu) - out.plan.footprint.total(Place::gpu)
            : before.footprint.total() - out.plan.footprint.total();
    out.model = changed->model;
    out.workload = changed->workload;
    out.regret =
        position.regret - regret_of(each.member, each.lever, choices_[each.member][each.lever]);
    out.speed_cost = position.speed;
    out.quality_cost = position.quality;
    return out;
  }

  /// Each round the step most worth it. A step that reaches what is wanted is preferred, by least
  /// regret: nothing is saved beyond need.
  std::vector<StackStep> climb() {
    struct Done {
      Candidate candidate;
      std::size_t before = 0;
    };
    std::vector<Done> done;
    Plan now = asked_;
    for (int round = 0; round < most_rounds && now.verdict != Verdict::comfortable; ++round) {
      std::optional<StackStep> best;
      Candidate chosen;
      const auto key = [](const StackStep& step) {
        const bool enough = step.plan.verdict == Verdict::comfortable;
        return std::tuple(!enough, enough ? static_cast<double>(step.regret) : -step.worth());
      };
      for (const Candidate& each : candidates()) {
        auto step = taken(each, now);
        if (step && (!best || key(*step) < key(*best))) {
          best = std::move(step);
          chosen = each;
        }
      }
      if (!best) {
        break;
      }
      done.push_back({chosen, choices_[chosen.member][chosen.lever]});
      choices_[chosen.member][chosen.lever] = chosen.at;
      now = best->plan;
    }
    if (done.empty() ||
        (!fits(now.verdict) && !fits(asked_.verdict) && now.headroom <= asked_.headroom)) {
      reset();
      return {};
    }
    // What later and larger steps made needless goes, dearest first.
    const Verdict reached = now.verdict;
    std::vector<std::pair<std::size_t, std::size_t>> levers;
    levers.reserve(done.size());
    for (const Done& each : done) {
      levers.emplace_back(each.candidate.member, each.candidate.lever);
    }
    std::sort(levers.begin(), levers.end());
    levers.erase(std::unique(levers.begin(), levers.end()), levers.end());
    std::stable_sort(levers.begin(), levers.end(), [&](const auto& a, const auto& b) {
      return regret_of(a.first, a.second, choices_[a.first][a.second]) >
             regret_of(b.first, b.second, choices_[b.first][b.second]);
    });
    for (const auto& [member, lever] : levers) {
      const std::size_t was = choices_[member][lever];
      for (std::size_t less = 0; less < was; ++less) {
        choices_[member][lever] = less;
        if (variant(member, choices_[member]) != nullptr && judged().verdict <= reached) {
          break;
        }
        choices_[member][lever] = was;
      }
    }
    return told(levers);
  }

  /// The present choice as steps one after another, in the order of the members.
  std::vector<StackStep> told(std::vector<std::pair<std::size_t, std::size_t>> levers) {
    std::sort(levers.begin(), levers.end());
    const std::vector<Choice> final_choices = choices_;
    reset();
    std::vector<StackStep> out;
    Plan before = asked_;
    for (const auto& [member, lever] : levers) {
      const std::size_t at = final_choices[member][lever];
      if (at == 0) {
        continue;
      }
      if (auto step = taken({.member = member, .lever = lever, .at = at}, before)) {
        before = step->plan;
        out.push_back(std::move(*step));
      }
      choices_[member][lever] = at;
    }
    reset();
    return out;
  }

  void reset() {
    for (Choice& each : choices_) {
      std::fill(each.begin(), each.end(), 0);
    }
  }

  const Stack& stack_;
  Budget budget_;
  std::vector<std::vector<Positions>> levers_;
  std::vector<Choice> choices_;
  std::vector<std::map<Choice, std::optional<Variant>>> known_;
  std::vector<std::map<const Alternative*, std::shared_ptr<const Model>>> read_;
  Plan asked_;
};

}  // namespace

double StackStep::worth() const {
  return static_cast<double>(change.saves.count()) /
         static_cast<double>(std::max<std::int64_t>(regret, 1));
}

StackLadder ladder(const Stack& stack, const AdviceRules& rules, const QualityTable& quality,
                   std::span<const std::vector<Alternative>> alternatives) {
  return StackClimb(stack, rules, quality, alternatives).run();
}

}  // namespace membudget
