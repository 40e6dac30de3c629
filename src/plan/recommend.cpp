// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
#include "plan/levers.hpp"
#include "plan/steps.hpp"

namespace membudget {
namespace {

// Apple's first generation has GPUs of this family (MTLGPUFamilyApple7).
constexpr std::int64_t m1_family = 7;

/// A context and a verdict that a candidate must reach.
struct Demand {
  std::int64_t context = 0;
  Verdict verdict = Verdict::comfortable;
};

class Search {
 public:
  Search(const Machine& machine, const Runtime& runtime, const Workload& workload,
         const AdviceRules& rules, std::string_view task, std::span<const Alternative> all)
      : machine_(machine),
        runtime_(runtime),
        asked_(workload),
        rules_(rules),
        task_(task),
        all_(all),
        budget_(budget(machine, runtime)) {}

  Recommendation run() {
    for (const QuantizationGroup& group : groups()) {
      for (const Demand& demand : demands()) {
        for (const std::string& name : group.names) {
          if (take_first(name, demand)) {
            follow(group.rule);
            finish();
            return std::move(out_);
          }
        }
      }
    }
    with_cpu();
    return std::move(out_);
  }

 private:
  void follow(std::string_view id) {
    const AdviceRule* rule = rules_.rule(id);
    const auto known = [&](const AdviceRule& each) { return each.id == id; };
    if (rule != nullptr && std::none_of(out_.rules.begin(), out_.rules.end(), known)) {
      out_.rules.push_back(*rule);
    }
  }

  [[nodiscard]] const Alternative* find(std::string_view name) const {
    const auto found = std::find_if(all_.begin(), all_.end(),
                                    [&](const Alternative& each) { return each.name == name; });
    return found == all_.end() ? nullptr : &*found;
  }

  std::shared_ptr<const Model> model(const Alternative& alternative) {
    auto& known = models_[alternative.name];
    if (known == nullptr) {
      known = alternative.read();
    }
    return known;
  }

  /// Parameters of the model, whatever its quantization.
  std::int64_t parameters() { return all_.empty() ? 0 : parameters_of(*model(all_.front())); }

  /// The groups, led by what the task and the size prefer: where that is finer than the group has
  /// it stands first, and the group goes on from there.
  std::vector<QuantizationGroup> groups() {
    std::vector<QuantizationGroup> out = rules_.groups;
    // Alternatives from elsewhere, such as the one quantization of a file, are not in any group.
    QuantizationGroup others{{}, ""};
    for (const Alternative& each : all_) {
      const bool grouped = std::any_of(out.begin(), out.end(), [&](const auto& group) {
        return std::find(group.names.begin(), group.names.end(), each.name) != group.names.end();
      });
      if (!grouped && all_.size() == 1) {
        others.names.push_back(each.name);
      }
    }
    out.push_back(std::move(others));
    for (const PreferredQuantizations& preferred : rules_.preferred) {
      const bool applies = (preferred.task.empty() || preferred.task == task_) &&
                           parameters() >= preferred.parameters_from;
      if (!applies) {
        continue;
      }
      const bool native =
          std::any_of(out.front().names.begin(), out.front().names.end(),
                      [&](const std::string& name) { return find(name) != nullptr; });
      if (!native) {
        lead(out, preferred.names);
        preferred_rule_ = preferred.rule;
        preferred_ = preferred.names;
      }
      break;
    }
    return out;
  }

  /// Puts `names` before the group that has the last of them, which loses what is finer.
  static void lead(std::vector<QuantizationGroup>& groups, const std::vector<std::string>& names) {
    for (QuantizationGroup& group : groups) {
      const auto last = std::find(group.names.begin(), group.names.end(), names.back());
      if (last != group.names.end()) {
        group.names.erase(group.names.begin(), last + 1);
        group.names.insert(group.names.begin(), names.begin(), names.end());
        return;
      }
    }
    // Finer than all groups: before the first that is not native.
    auto& group = groups.size() > 1 ? groups[1] : groups.front();
    group.names.insert(group.names.begin(), names.begin(), names.end());
  }

  std::vector<Demand> demands() {
    std::vector<std::int64_t> contexts{rules_.wanted_context, rules_.least_context};
    if (asked_.context) {
      contexts = {*asked_.context};
    }
    std::vector<Demand> out;
    for (const std::int64_t context : contexts) {
      for (const Verdict verdict : {Verdict::comfortable, Verdict::tight}) {
        out.push_back({context, verdict});
      }
    }
    return out;
  }

  [[nodiscard]] std::vector<ElementType> cache_types() const {
    if (asked_.cache_type_k || asked_.cache_type_v) {
      return {asked_.cache_type_k.value_or(asked_.cache_type_v.value_or(ElementType::f16))};
    }
    return {ElementType::f16, ElementType::q8_0};
  }

  [[nodiscard]] Workload with(ElementType cache, std::int64_t context, const Model& model) const {
    Workload out = asked_;
    if (!asked_.cache_type_k && !asked_.cache_type_v) {
      out.cache_type_k = out.cache_type_v = cache;
    }
    const std::int64_t trained = model.trained_context;
    out.context = asked_.context || trained == 0 ? context : std::min(context, trained);
    return out;
  }

  /// Takes the first cache type with which `name` meets the demand.
  bool take_first(const std::string& name, const Demand& demand) {
    const Alternative* alternative = find(name);
    if (alternative == nullptr) {
      return false;
    }
    const Bytes most = tighter_limit(budget_);
    if (alternative->at_least > most) {
      if (skipped_.insert({name, true}).second) {
        out_.considered.push_back(
            {name, ElementType::f16, demand.context, std::nullopt,
             fmt::format("its weights alone take more than {}", to_text(most))});
      }
      return false;
    }
    const auto model = this->model(*alternative);
    for (const ElementType cache : cache_types()) {
      const Workload workload = with(cache, demand.context, *model);
      const Plan* plan = planned(name, cache, workload, *model);
      if (plan == nullptr || plan->verdict > demand.verdict) {
        consider(name, cache, *workload.context, plan, demand);
        continue;
      }
      consider(name, cache, *workload.context, plan, demand);
      out_.considered.back().why_not.clear();
      out_.model = model;
      out_.workload = workload;
      out_.plan = *plan;
      if (cache != ElementType::f16) {
        follow("q8-cache-when-dear");
      }
      return true;
    }
    return false;
  }

  /// nullptr when the engine refuses the settings.
  const Plan* planned(const std::string& name, ElementType cache, const Workload& workload,
                      const Model& model) {
    const auto key = std::tuple(name, cache, *workload.context);
    const auto [at, fresh] = plans_.try_emplace(key);
    if (fresh) {
      try {
        at->second = membudget::plan(model, runtime_, workload, budget_);
      } catch (const Error& error) {
        if (error.code() != Errc::bad_request) {
          throw;
        }
      }
    }
    return at->second ? &*at->second : nullptr;
  }

  void consider(const std::string& name, ElementType cache, std::int64_t context, const Plan* plan,
                const Demand& demand) {
    std::string why = "the engine refuses this cache for the model";
    if (plan != nullptr) {
      why = plan->headroom < Bytes()
                ? fmt::format("{} too much", to_text(Bytes() - plan->headroom))
                : fmt::format("only {}: {} left, {} wanted", to_string(plan->verdict),
                              to_text(plan->headroom), to_text(budget_.safety_margin));
    }
    // A later demand takes what an earlier one turned down; then the later word counts.
    const auto same = [&](const Considered& each) {
      return each.quantization == name && each.cache_type == cache && each.context == context;
    };
    out_.considered.erase(std::remove_if(out_.considered.begin(), out_.considered.end(), same),
                          out_.considered.end());
    out_.considered.push_back({name, cache, context,
                               plan == nullptr ? std::nullopt : std::optional(plan->verdict),
                               std::move(why)});
    static_cast<void>(demand);
  }

  [[nodiscard]] Bytes wanted_room() const {
    return out_.plan.verdict == Verdict::comfortable ? budget_.safety_margin : Bytes();
  }

  void take(const Workload& workload) {
    out_.workload = workload;
    out_.plan = membudget::plan(*out_.model, runtime_, workload, budget_);
    out_.considered.back().cache_type = out_.plan.footprint.settings.cache_type_k;
    out_.considered.back().context = out_.plan.footprint.settings.context;
    out_.considered.back().verdict = out_.plan.verdict;
  }

  [[nodiscard]] std::int64_t largest(const Workload& workload) const {
    return max_context(*out_.model, machine_, runtime_, workload, wanted_room());
  }

  /// The context is stretched to what is left, and the rest goes into a larger batch.
  void finish() {
    if (std::find(preferred_.begin(), preferred_.end(), out_.model->quantization) !=
        preferred_.end()) {
      follow(preferred_rule_);
    }
    out_.largest_context = largest(out_.workload);
    if (!asked_.context) {
      const bool free_cache = !asked_.cache_type_k && !asked_.cache_type_v;
      const std::int64_t trained = out_.model->trained_context;
      Workload workload = out_.workload;
      if (free_cache && out_.workload.cache_type_k == ElementType::f16 &&
          out_.largest_context < std::min(trained, rules_.dear_below)) {
        workload.cache_type_k = workload.cache_type_v = ElementType::q8_0;
        if (const std::int64_t tokens = longer(workload); tokens > out_.largest_context) {
          out_.largest_context = tokens;
          follow("q8-cache-when-dear");
        } else {
          workload = out_.workload;
        }
      }
      workload.context = std::max(out_.largest_context, *workload.context);
      take(workload);
      follow("largest-comfortable");
    }
    larger_batch();
    notes();
  }

  /// 0 when the engine refuses.
  [[nodiscard]] std::int64_t longer(const Workload& workload) const {
    try {
      return largest(workload);
    } catch (const Error& error) {
      if (error.code() != Errc::bad_request) {
        throw;
      }
      return 0;
    }
  }

  void larger_batch() {
    if (out_.model->experts == 0 || asked_.ubatch || out_.plan.verdict != Verdict::comfortable ||
        out_.plan.footprint.settings.ubatch >= rules_.experts_ubatch) {
      return;
    }
    Workload workload = out_.workload;
    workload.ubatch = rules_.experts_ubatch;
    workload.batch = std::max(asked_.batch.value_or(0), rules_.experts_ubatch);
    if (membudget::plan(*out_.model, runtime_, workload, budget_).verdict == Verdict::comfortable) {
      take(workload);
      follow("experts-batch");
    }
  }

  void notes() {
    const Alternative* taken = find(out_.model->quantization);
    if (taken != nullptr && taken->bits > 0 && taken->bits < 4) {
      follow("larger-before-finer");
    }
    if (machine_.chip.gpu_family == m1_family &&
        out_.model->quantization.find("_K") != std::string::npos) {
      follow("m1-k-quants");
    }
  }

  /// Nothing fits the GPU: experts, else layers, of the best quantization that the RAM holds.
  void with_cpu() {
    follow("cpu-last");
    const std::int64_t context = asked_.context.value_or(rules_.least_context);
    for (const QuantizationGroup& group : groups()) {
      for (const std::string& name : group.names) {
        const Alternative* alternative = find(name);
        if (alternative == nullptr || alternative->at_least > budget_.ram_available) {
          continue;
        }
        const auto model = this->model(*alternative);
        try {
          Steps steps(*model, machine_, runtime_, with(cache_types().back(), context, *model),
                      rules_);
          auto step = steps.with_experts_on_cpu();
          if (!step || !fits(step->plan.verdict)) {
            step = steps.with_layers_on_cpu();
          }
          if (step && fits(step->plan.verdict)) {
            out_.model = model;
            out_.workload = step->workload;
            out_.plan = step->plan;
            out_.largest_context = step->plan.footprint.settings.context;
            out_.considered.push_back({name, step->plan.footprint.settings.cache_type_k,
                                       out_.largest_context, step->plan.verdict, ""});
            follow(group.rule);
            notes();
            return;
          }
        } catch (const Error& error) {
          if (error.code() != Errc::bad_request) {
            throw;
          }
        }
      }
    }
  }

  const Machine& machine_;
  const Runtime& runtime_;
  const Workload& asked_;
  const AdviceRules& rules_;
  std::string_view task_;
  std::span<const Alternative> all_;
  Budget budget_;
  std::string preferred_rule_;
  std::vector<std::string> preferred_;
  std::map<std::string, std::shared_ptr<const Model>> models_;
  std::map<std::tuple<std::string, ElementType, std::int64_t>, std::optional<Plan>> plans_;
  std::map<std::string, bool> skipped_;
  Recommendation out_;
};

}  // namespace

Recommendation recommend(const Machine& machine, const Runtime& runtime, const Workload& workload,
                         const AdviceRules& rules, std::string_view task,
                         std::span<const Alternative> quantizations) {
  return Search(machine, runtime, workload, rules, task, quantizations).run();
}

}  // namespace membudget
