// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

constexpr std::int64_t months_per_year = 12;
constexpr double most_worth = 16;

/// "2025-04" as months since the year 0; 0 when the text is no month.
Month month_of(std::string_view text) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() != 7 || text[4] != '-' || !digit(0) || !digit(1) || !digit(2) || !digit(3) ||
      !digit(5) || !digit(6)) {
    return 0;
  }
  const auto value = [&](std::size_t at) { return std::int64_t{text[at]} - '0'; };
  const std::int64_t year = 1000 * value(0) + 100 * value(1) + 10 * value(2) + value(3);
  const std::int64_t month = 10 * value(5) + value(6);
  return year < 2018 || month < 1 || month > months_per_year ? 0
                                                             : months_per_year * year + month - 1;
}

Month take_month(Fields& fields, std::string_view key) {
  const std::string text = fields.text(key);
  const Month out = month_of(text);
  if (!text.empty() && out == 0) {
    fields.fail(key, fmt::format("'{}' is not a month such as 2025-04", text));
  }
  return out;
}

/// A statement stands on a source, or says that somebody judged.
std::string take_basis(Fields& fields) {
  const auto source = fields.text_or_none("source");
  const auto judgement = fields.text_or_none("judgement");
  if (!source && !judgement) {
    fields.fail("source", "is missing, as is 'judgement'; give one of them");
  }
  return source && judgement ? fmt::format("judgement: {} ({})", *judgement, *source)
         : judgement         ? fmt::format("judgement: {}", *judgement)
                             : source.value_or("");
}

/// {"value": 8, "source": ...}
double take_constant(Fields& fields, std::string_view key, double most) {
  Fields constant = fields.object(key);
  const double out = constant.positive("value");
  if (constant.sound({"value"}) && out > most) {
    constant.fail("value", fmt::format("must be at most {}", most));
  }
  static_cast<void>(take_basis(constant));
  constant.finish();
  return out;
}

FamilyCapability take_family(Fields& fields, std::string_view key, bool whole) {
  FamilyCapability out;
  out.name = fields.text(key);
  if (whole || fields.has_optional("released")) {
    out.released = take_month(fields, "released");
  }
  out.behind = fields.whole_or_none("behind", 0).value_or(0);
  out.traits = fields.texts_or_none("traits");
  out.reason = take_basis(fields);
  fields.finish();
  return out;
}

TaskRules take_task(Fields& fields) {
  TaskRules out;
  out.name = fields.text("task");
  out.context = fields.whole("context", 1);
  out.seamless_tps = fields.positive_or_none("seamless_tps").value_or(0);
  out.least_tps = fields.positive_or_none("least_tps").value_or(0);
  out.least_parameters = fields.positive_or_none("least_parameters").value_or(0);
  out.quantizations = fields.some_texts("quantizations");
  out.requires_any = fields.texts_or_none("requires_any");
  out.reason = take_basis(fields);
  fields.finish();
  return out;
}

template <class Entries>
void check_unique(Fields& fields, std::string_view key, const Entries& entries) {
  std::set<std::string> seen;
  for (const auto& each : entries) {
    if (!each.name.empty() && !seen.insert(each.name).second) {
      fields.fail(key, fmt::format("'{}' stands twice in this table; keep one", each.name));
    }
  }
}

template <class Entries>
auto* find_named(const Entries& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& each) { return each.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

void take_selector(Fields& fields, CapabilityRules& out) {
  for (Fields& each : fields.objects("rules")) {
    SelectorRule rule;
    rule.axis = each.one_of("axis", {"complexity", "quality", "performance"});
    rule.value = each.text("value");
    rule.enough_parameters = each.positive_or_none("enough_parameters").value_or(0);
    rule.least_tps = each.positive_or_none("least_tps").value_or(0);
    rule.quantizations = each.texts_or_none("quantizations");
    rule.reason = take_basis(each);
    each.finish();
    out.selector.push_back(std::move(rule));
  }
  for (Fields& each : fields.objects("documents")) {
    SelectorChoice choice;
    choice.complexity = each.text_or_none("complexity").value_or("");
    choice.quality = each.text_or_none("quality").value_or("");
    choice.performance = each.text_or_none("performance").value_or("");
    choice.model = each.text("model");
    choice.source = each.text("source");
    each.finish();
    out.choices.push_back(std::move(choice));
  }
  fields.finish();
}

}  // namespace

const TaskRules* CapabilityRules::task(std::string_view name) const {
  return find_named(tasks, name);
}

const FamilyCapability* CapabilityRules::family(std::string_view name) const {
  return find_named(families, name);
}

const FamilyCapability* CapabilityRules::model(std::string_view id) const {
  return find_named(models, id);
}

CapabilityRules decode_capability(Faults& faults) {
  CapabilityRules out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.capability/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  constexpr double most_months = 120;
  constexpr double most_parameters = 1e15;
  Fields constants = fields.object("constants");
  out.size_exponent = take_constant(constants, "size_exponent", 1);
  out.halving_months = take_constant(constants, "halving_months", most_months);
  out.total_share = take_constant(constants, "total_share", 1);
  out.speed_exponent = take_constant(constants, "speed_exponent", 1);
  out.tight = take_constant(constants, "tight", 1);
  constants.finish();
  Fields reference = fields.object("reference");
  out.reference_parameters = std::min(reference.positive("parameters"), most_parameters);
  out.reference = take_month(reference, "released");
  static_cast<void>(take_basis(reference));
  reference.finish();
  out.last_resort = fields.some_texts("last_resort");
  for (Fields& each : fields.objects("traits")) {
    TraitWorth trait;
    trait.trait = each.text("trait");
    trait.task = each.text_or_none("task").value_or("");
    trait.worth = each.number_or_none("worth", 0, most_worth).value_or(1);
    trait.reason = take_basis(each);
    each.finish();
    out.traits.push_back(std::move(trait));
  }
  for (Fields& each : fields.objects("tasks")) {
    out.tasks.push_back(take_task(each));
  }
  check_unique(fields, "tasks", out.tasks);
  for (Fields& each : fields.objects("families")) {
    out.families.push_back(take_family(each, "family", true));
  }
  check_unique(fields, "families", out.families);
  for (Fields& each : fields.objects("models")) {
    out.models.push_back(take_family(each, "model", false));
  }
  check_unique(fields, "models", out.models);
  Fields selector = fields.object("selector");
  take_selector(selector, out);
  fields.finish();
  return out;
}

}  // namespace membudget
