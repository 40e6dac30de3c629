// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ascii.hpp"
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

// No Mac has as much; a larger number is bytes or MiB written where GiB belong.
constexpr std::int64_t largest_ram_gib = 4096;
// A larger number is MHz written where GHz belong.
constexpr double highest_clock_ghz = 10;

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

/// What an id such as "m1-max-24c-32gb" or "m1-pro-8cpu-14c-16gb" says of its Mac. A user may
/// name a Mac freely; what a name leaves out stays empty.
struct NameClaims {
  std::string chip;  ///< "m1-max"
  std::optional<std::int64_t> cpu_cores;
  std::optional<std::int64_t> gpu_cores;
  std::optional<std::int64_t> ram_gib;
};

std::optional<std::int64_t> number_before(std::string_view part, std::string_view unit) {
  if (!part.ends_with(unit)) {
    return std::nullopt;
  }
  part.remove_suffix(unit.size());
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), number);
  return code == std::errc() && end == part.data() + part.size() ? std::optional(number)
                                                                 : std::nullopt;
}

/// "m4-max" and "a18-pro", but not "office-max".
bool names_a_chip(std::string_view text) {
  const auto dash = text.find('-');
  const auto generation = text.substr(0, dash);
  const auto tier = dash == std::string_view::npos ? "" : text.substr(dash + 1);
  return generation.size() > 1 && (generation[0] == 'm' || generation[0] == 'a') &&
         number_before(generation.substr(1), "") &&
         (tier.empty() || tier == "pro" || tier == "max" || tier == "ultra");
}

NameClaims claims_of(std::string_view name) {
  NameClaims out;
  const auto take = [&](std::optional<std::int64_t>& claim, std::string_view unit) {
    const auto dash = name.rfind('-');
    if (dash != std::string_view::npos) {
      claim = number_before(name.substr(dash + 1), unit);
      name.remove_suffix(claim ? name.size() - dash : 0);
    }
  };
  take(out.ram_gib, "gb");
  take(out.gpu_cores, "c");
  take(out.cpu_cores, "cpu");
  if (names_a_chip(name)) {
    out.chip = name;
  }
  return out;
}

/// "Apple M1 Max" is "m1-max" in an id.
std::string chip_in_ids(std::string_view name) {
  constexpr std::string_view maker = "Apple ";
  if (name.starts_with(maker)) {
    name.remove_prefix(maker.size());
  }
  std::string out = lower(name);
  std::replace(out.begin(), out.end(), ' ', '-');
  return out;
}

/// What a name says otherwise than the members do; empty when it contradicts none.
std::string contradiction(const Fields& fields, const std::string& name, const Chip& chip) {
  const NameClaims says = claims_of(lower(name));
  if (!says.chip.empty() && fields.sound({"name"}) && says.chip != chip_in_ids(chip.name)) {
    return fmt::format("'{}' says {}, but the chip's name is '{}'; ids of it begin with '{}-'",
                       name, says.chip, chip.name, chip_in_ids(chip.name));
  }
  const auto differs = [&](std::optional<std::int64_t> claimed, std::int64_t stated,
                           std::string_view what, std::string_view member) {
    return claimed && fields.sound({member}) && *claimed != stated
               ? fmt::format("'{}' says {} {}, but {} is {}; correct the one that is wrong", name,
                             *claimed, what, member, stated)
               : std::string();
  };
  for (const std::string& problem :
       {differs(says.ram_gib, chip.ram.count() / gib(1).count(), "GiB of RAM", "ram_gib"),
        differs(says.gpu_cores, chip.gpu_cores, "GPU cores", "gpu_cores"),
        differs(says.cpu_cores, chip.cpu_cores, "CPU cores", "cpu_cores")}) {
    if (!problem.empty()) {
      return problem;
    }
  }
  return {};
}

void check_names(Fields& fields, const Chip& chip, const std::vector<std::string>& aliases) {
  if (const std::string problem = contradiction(fields, chip.id, chip);
      fields.sound({"id"}) && !problem.empty()) {
    fields.fail("id", problem);
    return;  // The aliases would only say it again.
  }
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    if (const std::string problem = contradiction(fields, aliases[i], chip); !problem.empty()) {
      fields.fail_item("aliases", i, problem);
    }
  }
}

void take_gpu(Fields& fields, Chip& chip) {
  chip.gpu_family = fields.whole_or_none("gpu_family", 7);
  chip.gpu_clock_ghz = fields.positive_or_none("gpu_clock_ghz");
  if (fields.sound({"gpu_clock_ghz"}) && *chip.gpu_clock_ghz > highest_clock_ghz) {
    fields.fail("gpu_clock_ghz", "no GPU is as fast; the unit is GHz");
  }
  chip.gpu_fp16_tflops = fields.positive_or_none("gpu_fp16_tflops");
  chip.gpu_matrix_fp16_tflops = fields.positive_or_none("gpu_matrix_fp16_tflops");
}

void take_sources(Fields sources, Chip& chip) {
  chip.reserve_source = sources.text("reserve");
  const auto take = [&](std::string_view figure, bool required) {
    const auto source =
        required ? std::optional(sources.text(figure)) : sources.text_or_none(figure);
    if (source) {
      chip.sources.push_back(fmt::format("{}: {}", figure, *source));
    }
  };
  for (const std::string_view figure : {"cores", "ram", "bandwidth"}) {
    take(figure, true);
  }
  take("machines", false);
  take("gpu_family", chip.gpu_family.has_value());
  take("gpu_clock", chip.gpu_clock_ghz.has_value());
  take("gpu_tflops", chip.gpu_fp16_tflops || chip.gpu_matrix_fp16_tflops);
  sources.finish();
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
  chip.soc = fields.text_or_none("soc").value_or("");
  chip.year = fields.whole_or_none("year", 2020).value_or(0);
  chip.cpu_cores = fields.whole("cpu_cores", 1);
  chip.gpu_cores = fields.whole("gpu_cores", 1);
  chip.ram = take_ram(fields);
  chip.bandwidth_gbs = fields.positive("bandwidth_gbs");
  take_gpu(fields, chip);
  chip.reserve = gib(std::min(fields.whole("reserve_gib", 0), largest_ram_gib));
  if (fields.sound({"ram_gib", "reserve_gib"}) && chip.reserve >= chip.ram) {
    fields.fail("reserve_gib", "leaves no RAM for a model");
  }
  if (fields.has_optional("safety_margin")) {
    Fields margin = fields.object("safety_margin");
    out.safety_margin = true;
    chip.safety_margin.percent = std::min<std::int64_t>(margin.whole("percent", 0), 100);
    chip.safety_margin.least = Bytes(margin.whole("least_bytes", 0));
    chip.safety_margin.source = margin.text("source");
    margin.finish();
  }
  check_names(fields, chip, out.aliases);
  for (Fields& machine : fields.objects_or_none("machines")) {
    chip.macs.push_back({machine.text("name"), machine.texts("identifiers")});
    machine.finish();
  }
  for (Fields& entry : fields.objects_or_none("working_sets")) {
    chip.working_sets.push_back(take_working_set(entry, chip.ram));
    entry.finish();
  }
  take_sources(fields.object("sources"), chip);
  chip.notes = fields.texts_or_none("notes");
  fields.finish();
  return out;
}

}  // namespace membudget
