// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

std::int64_t take_percent(Fields& fields, std::int64_t least) {
  const std::int64_t percent = fields.whole("percent", least);
  if (percent > 100) {
    fields.fail("percent", fmt::format("{} is more than the whole", percent));
  }
  return std::min<std::int64_t>(percent, 100);
}

void take_margin(Fields fields, BudgetTable& out) {
  out.margin_percent = take_percent(fields, 0);
  for (Fields& entry : fields.objects("least")) {
    BudgetTable::LeastMargin margin;
    if (const auto ram = entry.whole_or_none("ram_gib_to", 1)) {
      // No Mac has as much as 2^20 GiB; the product must not overflow.
      margin.ram_to = gib(std::min<std::int64_t>(*ram, 1 << 20));
    }
    margin.bytes = Bytes(entry.whole("bytes", 0));
    margin.source = entry.text("source");
    const auto& all = out.least_margins;
    if (!all.empty() &&
        (!all.back().ram_to || (margin.ram_to && *margin.ram_to <= *all.back().ram_to))) {
      entry.fail("ram_gib_to", "must ascend, and only the last entry may leave it out");
    }
    entry.finish();
    out.least_margins.push_back(std::move(margin));
  }
  if (fields.sound({"least"}) && (out.least_margins.empty() || out.least_margins.back().ram_to)) {
    fields.fail("least", "needs a last entry without ram_gib_to, for all larger machines");
  }
  out.margin_source = fields.text("source");
  fields.finish();
}

void take_buffer(Fields fields, BudgetTable& out) {
  out.buffer_percent = take_percent(fields, 1);
  out.page = Bytes(fields.whole("page_bytes", 1));
  out.buffer_source = fields.text("source");
  fields.finish();
}

void take_hosts(Fields fields, HostRules& out) {
  Fields reserve = fields.object("reserve");
  out.reserve_percent = take_percent(reserve, 0);
  out.reserve_least = Bytes(reserve.whole("least_bytes", 0));
  out.reserve_most = Bytes(reserve.whole("most_bytes", 0));
  if (reserve.sound({"least_bytes", "most_bytes"}) && out.reserve_most < out.reserve_least) {
    reserve.fail("most_bytes", "must not be less than least_bytes");
  }
  out.reserve_source = reserve.text("source");
  reserve.finish();
  Fields container = fields.object("container");
  out.container_reserve = Bytes(container.whole("reserve_bytes", 0));
  out.container_source = container.text("source");
  container.finish();
  fields.finish();
}

void take_reserves(Fields& fields, BudgetTable& out) {
  for (Fields& entry : fields.objects("reserves")) {
    ReservePreset preset;
    preset.id = entry.text("id");
    preset.name = entry.text("name");
    const std::string source = entry.text("source");
    for (Fields& part : entry.objects("parts")) {
      preset.parts.push_back({part.text("name"), Bytes(part.whole("bytes", 0)), source});
      part.finish();
    }
    if (std::any_of(out.reserves.begin(), out.reserves.end(),
                    [&](const ReservePreset& other) { return other.id == preset.id; })) {
      entry.fail("id", fmt::format("'{}' stands twice", preset.id));
    }
    // It would read as a size.
    if (preset.id.find_first_of("0123456789") == 0) {
      entry.fail("id", "must begin with a letter");
    }
    entry.finish();
    out.reserves.push_back(std::move(preset));
  }
}

}  // namespace

SafetyMargin BudgetTable::margin_of(Bytes ram) const {
  const auto found =
      std::find_if(least_margins.begin(), least_margins.end(),
                   [&](const LeastMargin& each) { return !each.ram_to || ram <= *each.ram_to; });
  SafetyMargin out{margin_percent, Bytes(), margin_source};
  if (found != least_margins.end()) {
    out.least = found->bytes;
    out.source += "; " + found->source;
  }
  return out;
}

HostRules BudgetTable::host_rules() const {
  HostRules out = hosts;
  for (const LeastMargin& each : least_margins) {
    out.margins.push_back(
        {each.ram_to, {margin_percent, each.bytes, margin_source + "; " + each.source}});
  }
  return out;
}

Bytes BudgetTable::largest_buffer(Bytes default_limit) const {
  const std::int64_t share = checked_multiply(default_limit.count(), buffer_percent) / 100;
  return Bytes(share / page.count() * page.count());
}

void BudgetTable::complete(Chip& chip, bool has_margin) const {
  if (!has_margin) {
    chip.safety_margin = margin_of(chip.ram);
  }
  for (WorkingSet& set : chip.working_sets) {
    set.largest_buffer = largest_buffer(set.limit);
  }
  chip.largest_buffer_rule = fmt::format("{} % of the default working set", buffer_percent);
  chip.largest_buffer_source = buffer_source;
}

BudgetTable decode_budget(Faults& faults) {
  BudgetTable out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.budget/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  take_margin(fields.object("safety_margin"), out);
  take_buffer(fields.object("largest_buffer"), out);
  take_hosts(fields.object("hosts"), out.hosts);
  take_reserves(fields, out);
  fields.finish();
  return out;
}

}  // namespace membudget
