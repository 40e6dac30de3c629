// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

/// A part of a whole: more than all of it would promise more than the hardware has.
/// A multiple of a time or a size that is never less than once.
double take_multiple(Fields& fields, std::string_view key) {
  const double multiple = fields.positive(key);
  if (multiple < 1) {
    fields.fail(key, fmt::format("{} is less than once; it must be at least 1", multiple));
  }
  return multiple;
}

std::vector<GpuFamilyRules> take_families(Fields& fields) {
  std::vector<GpuFamilyRules> out;
  for (Fields& each : fields.objects("families")) {
    GpuFamilyRules family;
    family.family = each.whole("family", 1);
    family.launch = each.positive("launch");
    family.k_quants_gbs = each.positive("k_quants_gbs");
    family.matmul = each.share("matmul");
    if (!out.empty() && out.back().family >= family.family) {
      each.fail("family", "must be larger than the family before; list them in order");
    }
    each.finish();
    out.push_back(family);
  }
  if (out.empty()) {
    fields.fail("families", "must describe at least one family");
  }
  return out;
}

void take_gpu(Fields fields, SpeedRules& rules) {
  rules.families = take_families(fields);
  rules.two_dies = fields.positive("two_dies");
  rules.unknown_clock_ghz = fields.positive("unknown_clock_ghz");
  static_cast<void>(fields.text("source"));
  fields.finish();
}

void take_cpu(Fields fields, SpeedRules& rules) {
  rules.cpu_bandwidth_share = fields.share("bandwidth_share");
  rules.cpu_core_gbs = fields.positive("core_gbs");
  rules.cpu_core_gflops = fields.positive("core_gflops");
  static_cast<void>(fields.text("source"));
  fields.finish();
}

void take_generation(Fields fields, SpeedRules& rules) {
  rules.bandwidth_share = fields.share("bandwidth_share");
  rules.expert_reads = take_multiple(fields, "expert_reads");
  rules.kernel_us = fields.positive("kernel_us");
  rules.expert_kernel_us = fields.positive("expert_kernel_us");
  rules.plain_attention_us = fields.positive("plain_attention_us");
  rules.cache_share = fields.share("cache_share");
  rules.plain_cache_share = fields.share("plain_cache_share");
  rules.cache_gelements = fields.positive("cache_gelements");
  rules.latent_gelements = fields.positive("latent_gelements");
  rules.state_passes = take_multiple(fields, "state_passes");
  rules.vocabulary_ns = fields.positive("vocabulary_ns");
  fields.finish();
}

void take_prompt(Fields fields, SpeedRules& rules) {
  rules.prompt_kernel_us = fields.positive("kernel_us");
  rules.expert_matmul = fields.share("expert_matmul");
  rules.expert_tile = fields.positive("expert_tile");
  rules.attention_matmul = fields.share("attention_matmul");
  rules.plain_attention_matmul = fields.share("plain_attention_matmul");
  rules.latent_matmul = fields.share("latent_matmul");
  rules.matrix_unit_matmul = fields.share("matrix_unit_matmul");
  rules.activation_passes = fields.positive("activation_passes");
  rules.state_matmul = fields.share("state_matmul");
  fields.finish();
}

std::vector<TypeSpeed> take_types(Fields& fields) {
  std::vector<TypeSpeed> out;
  for (Fields& each : fields.objects("types")) {
    TypeSpeed type;
    const std::string name = each.text("type");
    const auto known = element_type_of_name(name);
    if (!name.empty() && (!known || format_of(*known).name != name)) {
      each.fail("type", fmt::format("'{}' is not a type such as Q4_K or F16", name));
    }
    type.type = known.value_or(ElementType::f16);
    type.unpacking = each.positive("unpacking");
    type.by_family = each.flag("by_family");
    type.matmul = each.share("matmul");
    type.measured = each.flag("measured");
    each.finish();
    if (std::any_of(out.begin(), out.end(),
                    [&](const TypeSpeed& other) { return other.type == type.type; })) {
      each.fail("type", fmt::format("'{}' stands twice; keep one", name));
    }
    out.push_back(type);
  }
  if (out.empty()) {
    fields.fail("types", "must describe at least one type");
  }
  return out;
}

void take_range(Fields fields, SpeedRules& rules) {
  rules.low = fields.share("low");
  rules.high = take_multiple(fields, "high");
  rules.prompt_low = fields.share("prompt_low");
  rules.prompt_high = take_multiple(fields, "prompt_high");
  rules.assumed_low = fields.share("assumed_low");
  rules.assumed_high = take_multiple(fields, "assumed_high");
  static_cast<void>(fields.text("source"));
  fields.finish();
}

}  // namespace

const SpeedRules* SpeedTable::of_engine(std::string_view engine) const {
  const auto found = std::find_if(engines.begin(), engines.end(),
                                  [&](const SpeedRules& each) { return each.engine == engine; });
  return found == engines.end() ? nullptr : &*found;
}

SpeedTable decode_speed(Faults& faults) {
  SpeedTable out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  if (fields.text("schema") != "membudget.speed/1") {
    fields.fail("schema", "must be 'membudget.speed/1'");
  }
  static_cast<void>(fields.texts_or_none("notes"));
  SpeedRules common;
  take_gpu(fields.object("gpu"), common);
  take_cpu(fields.object("cpu"), common);
  for (Fields& each : fields.objects("engines")) {
    SpeedRules rules = common;
    rules.engine = each.text("engine");
    take_generation(each.object("generation"), rules);
    take_prompt(each.object("prompt"), rules);
    rules.types = take_types(each);
    take_range(each.object("range"), rules);
    static_cast<void>(each.text("source"));
    each.finish();
    out.engines.push_back(std::move(rules));
  }
  for (Fields& each : fields.objects("runtimes")) {
    SpeedTable::Runtime runtime;
    runtime.runtime = each.text("runtime");
    runtime.engine = each.text("engine");
    runtime.token_us = each.positive_or_none("token_us").value_or(0);
    static_cast<void>(each.text("source"));
    if (out.of_engine(runtime.engine) == nullptr) {
      each.fail("engine", fmt::format("'{}' is none of the engines above", runtime.engine));
    }
    each.finish();
    out.runtimes.push_back(std::move(runtime));
  }
  fields.finish();
  return out;
}

}  // namespace membudget
