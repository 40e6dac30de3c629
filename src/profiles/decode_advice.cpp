// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

constexpr std::array<Lever, 13> levers{Lever::flash_attention,
                                       Lever::swa_full,
                                       Lever::ubatch,
                                       Lever::prefill_step,
                                       Lever::parallel,
                                       Lever::cache_type,
                                       Lever::context,
                                       Lever::wired_limit,
                                       Lever::quantization,
                                       Lever::n_cpu_moe,
                                       Lever::gpu_layers,
                                       Lever::mmap,
                                       Lever::model};

Lever take_lever(Fields& fields) {
  const std::string name = fields.text("lever");
  const auto found = std::find_if(levers.begin(), levers.end(),
                                  [&](Lever lever) { return to_string(lever) == name; });
  if (found == levers.end()) {
    fields.fail("lever", fmt::format("'{}' is no setting that can be changed", name));
    return Lever::context;
  }
  return *found;
}

void take_levers(Fields& fields, AdviceRules& out) {
  for (Fields& entry : fields.objects("levers")) {
    LeverCost cost;
    cost.lever = take_lever(entry);
    cost.to = entry.text_or_none("to").value_or("");
    cost.regret = entry.whole("regret", 0);
    cost.speed = entry.text_or_none("speed").value_or("");
    cost.quality = entry.text_or_none("quality").value_or("");
    cost.source = entry.text("source");
    entry.finish();
    out.levers.push_back(std::move(cost));
  }
  for (const Lever lever : levers) {
    const auto general = std::count_if(
        out.levers.begin(), out.levers.end(),
        [&](const LeverCost& cost) { return cost.lever == lever && cost.to.empty(); });
    if (fields.sound({"levers"}) && general != 1) {
      fields.fail("levers", fmt::format("'{}' must stand once without \"to\"", to_string(lever)));
    }
  }
}

std::vector<std::string> take_names(Fields& fields, std::string_view key) {
  std::vector<std::string> out = fields.texts(key);
  if (fields.sound({key}) && out.empty()) {
    fields.fail(key, "is empty");
  }
  return out;
}

std::string take_rule(Fields& fields, const AdviceRules& rules) {
  std::string id = fields.text("rule");
  if (fields.sound({"rule"}) && rules.rule(id) == nullptr) {
    fields.fail("rule", fmt::format("no rule is called '{}'", id));
  }
  return id;
}

void take_recommend(Fields fields, AdviceRules& out) {
  out.tasks = take_names(fields, "tasks");
  for (Fields& entry : fields.objects("task_names")) {
    const std::string task = entry.text("task");
    if (entry.sound({"task"}) && std::ranges::find(out.tasks, task) == out.tasks.end()) {
      entry.fail("task", fmt::format("'{}' is none of the tasks above", task));
    }
    for (std::string& name : take_names(entry, "names")) {
      out.task_names.emplace(std::move(name), task);
    }
    entry.finish();
  }
  for (Fields& entry : fields.objects("preferred")) {
    PreferredQuantizations preferred;
    preferred.task = entry.text_or_none("task").value_or("");
    preferred.parameters_from = entry.whole("parameters_from", 0);
    preferred.names = take_names(entry, "names");
    preferred.rule = take_rule(entry, out);
    if (!preferred.task.empty() &&
        std::find(out.tasks.begin(), out.tasks.end(), preferred.task) == out.tasks.end()) {
      entry.fail("task", fmt::format("'{}' is none of the tasks above", preferred.task));
    }
    entry.finish();
    out.preferred.push_back(std::move(preferred));
  }
  for (Fields& entry : fields.objects("groups")) {
    QuantizationGroup group;
    group.names = take_names(entry, "names");
    group.rule = take_rule(entry, out);
    entry.finish();
    out.groups.push_back(std::move(group));
  }
  for (const auto& [key, empty] :
       {std::pair{"preferred", out.preferred.empty()}, std::pair{"groups", out.groups.empty()}}) {
    if (fields.sound({key}) && empty) {
      fields.fail(key, "is empty");
    }
  }
  out.wanted_context = fields.whole("wanted_context", 1);
  out.least_context = fields.whole("least_context", 1);
  out.dear_below = fields.whole("dear_below", 0);
  out.experts_ubatch = fields.whole("experts_ubatch", 1);
  static_cast<void>(fields.text("source"));
  fields.finish();
}

}  // namespace

AdviceRules decode_advice(Faults& faults) {
  AdviceRules out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.advice/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  take_levers(fields, out);
  out.tight_regret = fields.whole("tight_regret", 0);
  out.finer_to_coarser = take_names(fields, "finer_to_coarser");
  out.most_rope_factor = fields.whole("most_rope_factor", 1);
  static_cast<void>(fields.text("rope_source"));
  for (Fields& entry : fields.objects("rules")) {
    out.rules.push_back({entry.text("id"), entry.text("says"), entry.text("source")});
    entry.finish();
  }
  take_recommend(fields.object("recommend"), out);
  fields.finish();
  return out;
}

}  // namespace membudget
