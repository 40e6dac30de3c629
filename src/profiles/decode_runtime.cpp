// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <array>

#include "ascii.hpp"
#include "profiles/decode.hpp"
#include "profiles/decode_engines.hpp"
#include "profiles/decode_mlx.hpp"
#include "profiles/fields.hpp"

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

constexpr std::array engines{std::pair<std::string_view, Engine>("llama.cpp", Engine::llama_cpp),
                             std::pair<std::string_view, Engine>("mlx", Engine::mlx),
                             std::pair<std::string_view, Engine>("candle", Engine::candle),
                             std::pair<std::string_view, Engine>("mlc", Engine::mlc),
                             std::pair<std::string_view, Engine>("coreml", Engine::coreml)};
constexpr std::array backends{std::pair<std::string_view, Backend>("metal", Backend::metal),
                              std::pair<std::string_view, Backend>("cpu", Backend::cpu)};
constexpr std::array output_rules{
    std::pair<std::string_view, OutputRule>("batch", OutputRule::batch),
    std::pair<std::string_view, OutputRule>("slots", OutputRule::slots)};
constexpr std::array flash_attentions{
    std::pair<std::string_view, FlashAttention>("off", FlashAttention::off),
    std::pair<std::string_view, FlashAttention>("on", FlashAttention::on),
    std::pair<std::string_view, FlashAttention>("auto", FlashAttention::automatic)};

// sysctl tells macOS, not a runtime; a Modelfile tells Ollama less than its environment does.
constexpr std::array settings_of{
    std::pair<std::string_view, SettingsFormat>("llama-server", SettingsFormat::llama_server),
    std::pair<std::string_view, SettingsFormat>("ollama", SettingsFormat::ollama),
    std::pair<std::string_view, SettingsFormat>("lmstudio", SettingsFormat::lmstudio),
    std::pair<std::string_view, SettingsFormat>("mlx", SettingsFormat::mlx)};

/// Of an engine's own server.
std::optional<SettingsFormat> usual_settings(Engine engine) {
  switch (engine) {
    case Engine::llama_cpp:
      return SettingsFormat::llama_server;
    case Engine::mlx:
      return SettingsFormat::mlx;
    case Engine::candle:
    case Engine::mlc:
    case Engine::coreml:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::array mlc_modes{
    std::pair<std::string_view, MlcRules::Mode>("local", MlcRules::Mode::local),
    std::pair<std::string_view, MlcRules::Mode>("interactive", MlcRules::Mode::interactive),
    std::pair<std::string_view, MlcRules::Mode>("server", MlcRules::Mode::server)};

Settings take_defaults(Fields fields) {
  Settings out;
  if (fields.has_optional("backend")) {
    out.backend = take_choice(fields, "backend", backends);
  }
  out.context = fields.whole("context", 0);
  out.batch = fields.whole("batch", 1);
  out.ubatch = fields.whole("ubatch", 1);
  out.parallel = fields.whole("parallel", 1);
  out.cache_type_k = fields.cache_type("cache_type_k");
  out.cache_type_v = fields.cache_type("cache_type_v");
  out.flash_attention = take_choice(fields, "flash_attention", flash_attentions);
  out.gpu_layers = fields.whole("gpu_layers", -1);
  out.kv_unified = fields.flag("kv_unified");
  out.swa_full = fields.flag("swa_full");
  out.mmap = fields.flag("mmap");
  out.prompt_cache_mib = fields.whole_or_none("prompt_cache_mib", -1).value_or(0);
  out.checkpoints = fields.whole_or_none("checkpoints", 0).value_or(0);
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
  if (fields.has_optional("cache_type")) {
    out.cache_type_k = out.cache_type_v = fields.cache_type("cache_type");
  }
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
    } else if (engine == Engine::candle) {
      version.rules.candle = take_candle(each.object("candle"));
    } else if (engine == Engine::mlc) {
      version.rules.mlc = take_mlc(each.object("mlc"));
    } else if (engine == Engine::coreml) {
      version.rules.core_ml = take_core_ml(each.object("coreml"));
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
    // What a range does not say is as in the newest build.
    constexpr std::array rules{
        std::pair("flash_attn_kv_scratch", &LlamaCppRules::flash_attn_kv_scratch),
        std::pair("limited_outputs", &LlamaCppRules::limited_outputs),
        std::pair("half_precision_mask", &LlamaCppRules::half_precision_mask),
        std::pair("rows_kept_for_drafting", &LlamaCppRules::rows_kept_for_drafting),
        std::pair("cache_rotation", &LlamaCppRules::cache_rotation),
        std::pair("fused_delta_net", &LlamaCppRules::fused_delta_net),
        std::pair("embedding_input", &LlamaCppRules::embedding_input)};
    for (const auto& [key, rule] : rules) {
      if (range.has_optional(key)) {
        builds.rules.*rule = range.flag(key);
      }
    }
    builds.note = range.text_or_none("note").value_or("");
    static_cast<void>(range.text("source"));
    // A gap or an overlap would leave a build without rules or with two sets of them.
    if (!out.empty() && range.sound({"from"}) &&
        (!out.back().to || *out.back().to + 1 != builds.from)) {
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
  if (fields.has_optional("fit")) {
    Fields fit = fields.object("fit");
    out.fit_from = fit.whole("from_build", 1);
    runtime.fit = FitRules{.margin = Bytes(fit.whole("margin_bytes", 0)),
                           .least_context = fit.whole("least_context", 1)};
    static_cast<void>(fit.text("source"));
    fit.finish();
  }
  if (fields.has_optional("ollama_of")) {
    out.ollama_of = fields.text("ollama_of");
  } else if (fields.has_optional("ollama")) {
    runtime.ollama = take_ollama_rules(fields.object("ollama"));
  }
  if (fields.has_optional("virtual_machine")) {
    Fields machine = fields.object("virtual_machine");
    runtime.vm_ram_percent = machine.whole("ram_percent", 1);
    constexpr std::int64_t all = 100;
    if (runtime.vm_ram_percent > all) {
      machine.fail("ram_percent", "is more than the machine has; give 1 to 100");
    }
    runtime.vm_source = machine.text("source");
    machine.finish();
  }
  Fields sources = fields.object("sources");
  for (const std::string_view figure : {"outputs", "unified_when_slots_unset", "defaults"}) {
    static_cast<void>(sources.text(figure));
  }
  sources.finish();
}

void take_mlx(Fields& fields, RuntimeProfile& out) {
  if (fields.has_optional("rules_of")) {
    out.rules_of = fields.text("rules_of");
  } else {
    out.runtime.mlx = take_mlx_rules(fields.object("mlx"));
  }
  take_mlx_service(fields.object("service"), out.runtime.mlx);
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
  runtime.for_safetensors = fields.text_or_none("for_safetensors").value_or("");
  runtime.engine = take_choice(fields, "engine", engines);
  runtime.settings_for = fields.has_optional("settings_for")
                             ? take_choice(fields, "settings_for", settings_of)
                             : usual_settings(runtime.engine);
  if (runtime.engine == Engine::llama_cpp) {
    take_llama_cpp(fields, out);
  } else {
    if (fields.has_optional("versions_of")) {
      out.versions_of = fields.text("versions_of");
    } else {
      out.versions = take_versions(fields, runtime.engine);
    }
    if (runtime.engine == Engine::mlc) {
      runtime.mlc.mode = take_choice(fields, "mode", mlc_modes);
    }
    runtime.defaults = take_use(fields.object("defaults"));
    if (runtime.engine == Engine::mlx) {
      take_mlx(fields, out);
    }
    Fields sources = fields.object("sources");
    static_cast<void>(sources.text("defaults"));
    sources.finish();
  }
  runtime.remarks = fields.texts_or_none("remarks");
  static_cast<void>(fields.text_or_none("summary"));
  static_cast<void>(fields.texts_or_none("notes"));
  fields.finish();
  return out;
}

}  // namespace membudget
