// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <array>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"
#include "profiles/nearest.hpp"

namespace membudget {
namespace {

template <class Value, std::size_t Count>
Value take_choice(Fields& fields, std::string_view key,
                  const std::array<std::pair<std::string_view, Value>, Count>& choices) {
  const std::string text = fields.text(key);
  std::string known;
  for (const auto& [name, value] : choices) {
    if (text == name) {
      return value;
    }
    known += known.empty() ? "" : ", ";
    known += name;
  }
  if (fields.sound({key})) {
    fields.fail(key, fmt::format("'{}' is none of: {}", text, known));
  }
  return choices.front().second;
}

constexpr std::array engines{
    std::pair<std::string_view, Engine>("llama.cpp", Engine::llama_cpp),
    std::pair<std::string_view, Engine>("mlx", Engine::mlx),
    std::pair<std::string_view, Engine>("candle", Engine::candle),
    std::pair<std::string_view, Engine>("mlc", Engine::mlc),
    std::pair<std::string_view, Engine>("coreml", Engine::coreml)};
constexpr std::array output_rules{
    std::pair<std::string_view, OutputRule>("batch", OutputRule::batch),
    std::pair<std::string_view, OutputRule>("slots", OutputRule::slots)};
constexpr std::array flash_attentions{
    std::pair<std::string_view, FlashAttention>("off", FlashAttention::off),
    std::pair<std::string_view, FlashAttention>("on", FlashAttention::on),
    std::pair<std::string_view, FlashAttention>("auto", FlashAttention::automatic)};

ElementType take_cache_type(Fields& fields, std::string_view key) {
  const std::string text = fields.text(key);
  const auto type = element_type_of_name(text);
  if (fields.sound({key}) && (!type || text != lower(text))) {
    fields.fail(key, fmt::format("'{}' is not a cache type such as f16 or q8_0", text));
  }
  return type.value_or(ElementType::f16);
}

Settings take_defaults(Fields fields) {
  Settings out;
  out.context = fields.whole("context", 0);
  out.batch = fields.whole("batch", 1);
  out.ubatch = fields.whole("ubatch", 1);
  out.parallel = fields.whole("parallel", 1);
  out.cache_type_k = take_cache_type(fields, "cache_type_k");
  out.cache_type_v = take_cache_type(fields, "cache_type_v");
  out.flash_attention = take_choice(fields, "flash_attention", flash_attentions);
  out.gpu_layers = fields.whole("gpu_layers", -1);
  out.kv_unified = fields.flag("kv_unified");
  out.swa_full = fields.flag("swa_full");
  out.mmap = fields.flag("mmap");
  fields.finish();
  return out;
}

/// Of engines that are not llama.cpp: what a run is like unless told otherwise.
Settings take_use(Fields fields) {
  Settings out;
  out.parallel = fields.whole("parallel", 1);
  out.context = fields.whole_or_none("context", 0).value_or(out.context);
  out.prompt_tokens = fields.whole_or_none("prompt_tokens", 1).value_or(out.prompt_tokens);
  out.generate_tokens = fields.whole_or_none("generate_tokens", 1).value_or(out.generate_tokens);
  out.prefill_step = fields.whole_or_none("prefill_step", 1).value_or(out.prefill_step);
  fields.finish();
  return out;
}

/// Versions, newest first, each with what its engine does differently.
std::vector<RuntimeProfile::Version> take_versions(Fields& fields, Engine engine) {
  std::vector<RuntimeProfile::Version> out;
  for (Fields& each : fields.objects("versions")) {
    RuntimeProfile::Version version;
    version.version = each.text("version");
    if (engine == Engine::llama_cpp) {
      version.build = each.whole("build", 1);
    }
    static_cast<void>(each.text("source"));
    each.finish();
    out.push_back(std::move(version));
  }
  if (out.empty() && fields.sound({"versions"})) {
    fields.fail("versions", "must name at least one version");
  }
  return out;
}

std::vector<RuntimeProfile::Builds> take_builds(Fields& fields) {
  std::vector<RuntimeProfile::Builds> out;
  for (Fields& range : fields.objects("builds")) {
    RuntimeProfile::Builds builds;
    builds.from = range.whole("from", 1);
    builds.to = range.whole_or_none("to", builds.from);
    builds.rules.flash_attn_kv_scratch = range.flag("flash_attn_kv_scratch");
    static_cast<void>(range.text("source"));
    // A gap or an overlap would leave a build without rules or with two sets of them.
    if (!out.empty() && range.sound({"from"}) && (!out.back().to || *out.back().to + 1 != builds.from)) {
      range.fail("from", "must be one more than the 'to' of the range before");
    }
    range.finish();
    out.push_back(builds);
  }
  if (fields.sound({"builds"}) && (out.empty() || out.back().to)) {
    fields.fail("builds", "must end in a range without 'to', for the builds to come");
  }
  return out;
}

void take_llama_cpp(Fields& fields, RuntimeProfile& out) {
  if (fields.has_optional("builds_of")) {
    out.builds_of = fields.text("builds_of");
    if (fields.has_optional("versions")) {
      out.versions = take_versions(fields, Engine::llama_cpp);
    }
  } else {
    out.builds = take_builds(fields);
    out.newest_build =
        fields.whole("newest_build", out.builds.empty() ? 1 : out.builds.front().from);
  }
  Runtime& runtime = out.runtime;
  runtime.outputs = take_choice(fields, "outputs", output_rules);
  runtime.unified_when_slots_unset = fields.flag("unified_when_slots_unset");
  runtime.defaults = take_defaults(fields.object("defaults"));
  Fields sources = fields.object("sources");
  for (const std::string_view figure : {"outputs", "unified_when_slots_unset", "defaults"}) {
    static_cast<void>(sources.text(figure));
  }
  sources.finish();
}

}  // namespace

RuntimeProfile decode_runtime(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  RuntimeProfile out;
  Runtime& runtime = out.runtime;
  runtime.id = take_header(fields, "membudget.runtime/1");
  runtime.name = fields.text("name");
  out.aliases = fields.texts_or_none("aliases");
  runtime.engine = take_choice(fields, "engine", engines);
  if (runtime.engine == Engine::llama_cpp) {
    take_llama_cpp(fields, out);
  } else {
    out.versions = take_versions(fields, runtime.engine);
    runtime.defaults = take_use(fields.object("defaults"));
    Fields sources = fields.object("sources");
    static_cast<void>(sources.text("defaults"));
    sources.finish();
  }
  static_cast<void>(fields.texts_or_none("notes"));
  fields.finish();
  return out;
}

}  // namespace membudget
