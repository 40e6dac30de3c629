// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

// No Mac has as much; a larger number is bytes or MiB written where GiB belong.
constexpr std::int64_t largest_ram_gib = 4096;

/// Nothing when there is a fault, so that no limit is judged by it.
Bytes take_ram(Fields& fields) {
  const std::int64_t ram = fields.whole("ram_gib", 1);
  if (ram > largest_ram_gib) {
    fields.fail("ram_gib", fmt::format("{} GiB is more than any Mac has; the unit is GiB", ram));
  }
  return fields.sound({"ram_gib"}) ? gib(ram) : Bytes();
}

WorkingSet take_working_set(Fields& fields, Bytes ram) {
  WorkingSet out;
  out.macos_from = fields.whole("macos_from", 1);
  out.macos_to = fields.whole_or_none("macos_to", 1).value_or(0);
  if (fields.sound({"macos_from", "macos_to"}) && out.macos_to < out.macos_from) {
    fields.fail("macos_to", "must not be older than macos_from");
  }
  out.limit = Bytes(fields.whole("limit_bytes", 1));
  if (ram > Bytes() && fields.sound({"limit_bytes"}) && out.limit > ram) {
    fields.fail("limit_bytes", fmt::format("{} bytes are more than the RAM of {}",
                                           out.limit.count(), to_text(ram)));
  }
  out.rule = fields.text("rule");
  out.source = fields.text("source");
  out.observed = fields.flag("observed");
  return out;
}

bool overlap(const WorkingSet& a, const WorkingSet& b) {
  const auto ends_before = [](const WorkingSet& x, const WorkingSet& y) {
    return x.macos_to != 0 && x.macos_to < y.macos_from;
  };
  return !ends_before(a, b) && !ends_before(b, a);
}

}  // namespace

std::vector<WorkingSet> WorkingSetTable::of_ram(Bytes ram) const {
  std::vector<WorkingSet> out;
  for (const Entry& entry : entries) {
    if (entry.ram == ram) {
      out.push_back(entry.working_set);
    }
  }
  return out;
}

WorkingSetTable decode_working_sets(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.working_sets/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  WorkingSetTable out;
  for (Fields& entry : fields.objects("entries")) {
    const Bytes ram = take_ram(entry);
    const WorkingSet set = take_working_set(entry, ram);
    const bool sound = entry.sound({"ram_gib", "macos_from"});
    entry.finish();
    for (const WorkingSet& other : out.of_ram(ram)) {
      if (sound && overlap(set, other)) {
        entry.fail("macos_from",
                   fmt::format("two limits for {} on one macOS version", to_text(ram)));
      }
    }
    out.entries.push_back({ram, set});
  }
  fields.finish();
  return out;
}

ChipProfile decode_chip(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  ChipProfile out;
  Chip& chip = out.chip;
  chip.id = take_header(fields, "membudget.chip/1");
  chip.name = fields.text("name");
  out.aliases = fields.texts_or_none("aliases");
  static_cast<void>(fields.text_or_none("soc"));
  static_cast<void>(fields.whole_or_none("year", 2020));
  chip.cpu_cores = fields.whole("cpu_cores", 1);
  chip.gpu_cores = fields.whole("gpu_cores", 1);
  chip.ram = take_ram(fields);
  chip.bandwidth_gbs = fields.positive("bandwidth_gbs");
  chip.reserve = gib(std::min(fields.whole("reserve_gib", 0), largest_ram_gib));
  if (fields.sound({"ram_gib", "reserve_gib"}) && chip.reserve >= chip.ram) {
    fields.fail("reserve_gib", "leaves no RAM for a model");
  }
  for (Fields& machine : fields.objects_or_none("machines")) {
    static_cast<void>(machine.text("name"));
    static_cast<void>(machine.texts("identifiers"));
    machine.finish();
  }
  for (Fields& entry : fields.objects_or_none("working_sets")) {
    chip.working_sets.push_back(take_working_set(entry, chip.ram));
    entry.finish();
  }
  Fields sources = fields.object("sources");
  chip.reserve_source = sources.text("reserve");
  for (const std::string_view figure : {"cores", "ram", "bandwidth"}) {
    chip.sources.push_back(fmt::format("{}: {}", figure, sources.text(figure)));
  }
  if (const auto machines = sources.text_or_none("machines")) {
    chip.sources.push_back(fmt::format("machines: {}", *machines));
  }
  sources.finish();
  static_cast<void>(fields.texts_or_none("notes"));
  fields.finish();
  return out;
}

}  // namespace membudget
