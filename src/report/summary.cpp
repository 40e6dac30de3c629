// SPDX-License-Identifier: MIT
#include "report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "ascii.hpp"
#include "report/bar.hpp"

namespace membudget::report {
namespace {

constexpr std::size_t peak_rows = 8;
constexpr std::size_t holder_rows = 5;

std::string limit_rule(const Budget& budget) {
  auto text = fmt::format("{}: {}", to_text(budget.gpu_limit), budget.gpu_limit_rule);
  if (!budget.gpu_limit_observed) text += " (predicted, not yet observed)";
  return text;
}

/// Of the layers whose experts are to stay on the CPU, those that have any. By the tensors, as the
/// engine chooses them: a dense model has none, and some mixtures begin with dense layers.
std::int64_t layers_with_cpu_experts(const Model& model, const Settings& settings) {
  const auto all = static_cast<std::int64_t>(model.layers.size());
  const std::int64_t first = settings.cpu_moe ? all : std::min(settings.n_cpu_moe, all);
  if (first == 0) return 0;
  std::set<std::int64_t> out;
  for (const auto& tensor : model.tensors.all()) {
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (layer >= 0 && layer < first && tensor.name.find("exps") != std::string::npos) {
      out.insert(layer);
    }
  }
  return static_cast<std::int64_t>(out.size());
}

/// A single buffer is larger than any that Metal gives.
bool needs_too_large_a_buffer(const Plan& plan) {
  const Bytes most = plan.budget.largest_buffer;
  return most > Bytes() && plan.footprint.largest_buffer > most;
}

/// "mlx 0.32.0: 8192 tokens in use, the prompt 8064 of them, in steps of 2048"
std::string settings_in_use(const PlanReport& report) {
  const auto& settings = report.plan.footprint.settings;
  auto text = fmt::format("{} {}: {} tokens in use, the prompt {} of them", report.runtime.id,
                          report.runtime.version, settings.context, settings.prompt_tokens);
  if (report.runtime.engine == Engine::mlx) {
    text += fmt::format(", in steps of {}", settings.prefill_step);
  }
  if (settings.kv_bits > 0) {
    text += fmt::format(", {}-bit cache", settings.kv_bits);
  }
  if (settings.parallel > 1) {
    text += fmt::format(", {} requests at once", settings.parallel);
  }
  return text;
}

}  // namespace

std::string system_words(const Machine& machine) {
  return machine.system == System::macos ? fmt::format("macOS {}", machine.macos) : "Linux";
}

std::string_view title(SettingsFormat format) {
  switch (format) {
    case SettingsFormat::ollama:
      return "Ollama";
    case SettingsFormat::modelfile:
      return "Modelfiles";
    case SettingsFormat::llama_server:
      return "llama-server";
    case SettingsFormat::lmstudio:
      return "LM Studio";
    case SettingsFormat::mlx:
      return "MLX";
    case SettingsFormat::sysctl:
      return "Metal's limit";
  }
  return "";
}

std::string headline(const PlanReport& report) {
  const auto& model = report.model;
  const auto& chip = report.machine.chip;
  return fmt::format(
      "{}{}{} on {}{}, {} RAM, {}{}", model.id, model.quantization.empty() ? "" : " ",
      model.quantization,
      report.machine.metal ? "" : "this machine: ", chip.name.empty() ? chip.id : chip.name,
      to_text(chip.ram), system_words(report.machine), report.machine.metal ? "" : ", CPU only");
}

std::string settings_line(const PlanReport& report) {
  const auto& settings = report.plan.footprint.settings;
  if (grows_with_use(report.runtime.engine)) {
    return settings_in_use(report);
  }
  auto text =
      fmt::format("{} {}: {} tokens, {} cache, {}", report.runtime.id, report.runtime.version,
                  settings.context, cache_types(settings),
                  report.plan.footprint.flash_attention ? "flash attention" : "no flash attention");
  if (settings.parallel > 1) {
    // Ollama's num_ctx is that of one slot.
    text += report.runtime.ollama ? fmt::format(", {} slots x {}", settings.parallel,
                                                settings.context / settings.parallel)
                                  : fmt::format(", {} slots{}", settings.parallel,
                                                settings.kv_unified ? " (unified)" : "");
  }
  if (settings.backend == Backend::cpu) {
    return text + ", on the CPU";
  }
  const auto all = static_cast<std::int64_t>(report.model.layers.size()) + 1;
  if (gpu_layers(report) < all) {
    text += fmt::format(", {} of {} layers on the GPU", gpu_layers(report), all);
  }
  if (const auto layers = layers_with_cpu_experts(report.model, settings); layers > 0) {
    text += settings.cpu_moe
                ? std::string(", experts on the CPU")
                : fmt::format(", experts of {} layer{} on the CPU", layers, layers == 1 ? "" : "s");
  }
  if (!settings.tensor_overrides.empty()) {
    text += fmt::format(", {} tensor overrides", settings.tensor_overrides.size());
  }
  if (!settings.kv_offload) {
    text += ", cache on the CPU";
  }
  return text;
}

std::string_view words(Verdict verdict) {
  switch (verdict) {
    case Verdict::comfortable:
      return "Fits comfortably";
    case Verdict::tight:
      return "Fits, but tight";
    case Verdict::crawls:
      return "Loads, but crawls";
    case Verdict::does_not_fit:
      return "Does not fit";
  }
  return "Unknown";
}

std::string verdict_detail(const Plan& plan) {
  const bool gpu = plan.binding == Binding::gpu;
  const auto limit = gpu ? plan.budget.gpu_limit : plan.budget.ram_available;
  const auto used = to_text(limit - plan.headroom);
  const Bytes held = gpu ? plan.footprint.total(Place::gpu) : plan.footprint.total();
  std::string text;
  const Bytes buffer = plan.footprint.largest_buffer;
  if (needs_too_large_a_buffer(plan)) {
    text = fmt::format("one buffer, of {}, needs {}; Metal gives none larger than {}",
                       plan.footprint.largest_buffer_name, to_text(buffer),
                       to_text(plan.budget.largest_buffer));
  } else if (plan.headroom < Bytes{} && limit - plan.headroom > held) {
    // MLC-LLM grants itself less than Metal does; the first reason has its numbers.
    text =
        fmt::format("the engine refuses to load it, {} too much", to_text(Bytes{} - plan.headroom));
  } else if (plan.headroom < Bytes{}) {
    text = fmt::format("needs {}, {} {}: {} too much", used,
                       gpu ? "Metal grants" : "the RAM available is", to_text(limit),
                       to_text(Bytes{} - plan.headroom));
  } else {
    text = fmt::format("{} of the {} {}, {} left", used, to_text(limit),
                       gpu ? "Metal grants" : "of RAM available", to_text(plan.headroom));
  }
  if (plan.footprint.assumed()) text += "; part of it is assumed";
  return text;
}

std::vector<Entry> limits(const Plan& plan) {
  const auto& budget = plan.budget;
  std::string kept;
  for (const auto& part : budget.reserve_parts) {
    // What runs beside is kept for it; what others hold now is theirs already.
    kept += fmt::format("{}{} {} {}", kept.empty() ? "" : ", ", to_text(part.bytes),
                        budget.usual_reserve ? "of" : "for", part.name);
  }
  const bool metal = budget.metal && plan.footprint.settings.backend == Backend::metal;
  std::vector<Entry> out;
  if (metal) out.push_back({"GPU", limit_rule(budget), plan.binding == Binding::gpu});
  out.push_back(
      {"RAM",
       fmt::format("{}: {} less {}", to_text(budget.ram_available), to_text(budget.ram), kept),
       plan.binding == Binding::ram});
  return out;
}

std::vector<Entry> limits(const PlanReport& report) {
  const auto& plan = report.plan;
  const auto& budget = plan.budget;
  std::vector<Entry> out = limits(plan);
  const bool metal = budget.metal && plan.footprint.settings.backend == Backend::metal;
  if (metal && budget.largest_buffer > Bytes{}) {
    Bytes largest = plan.footprint.largest_buffer;
    std::string what = plan.footprint.largest_buffer_name;
    if (largest == Bytes()) {
      what = "the largest tensor";
      for (const auto& tensor : report.model.tensors.all()) {
        largest = std::max(largest, tensor.size());
      }
    }
    out.push_back({"buffer",
                   fmt::format("{}: {}; {} has {}", to_text(budget.largest_buffer),
                               budget.largest_buffer_rule, what, to_text(largest)),
                   largest > budget.largest_buffer});
  }
  return out;
}

std::vector<Entry> program_rows(const std::vector<Program>& programs) {
  std::vector<Entry> out;
  out.reserve(programs.size());
  for (const Program& program : programs) {
    out.push_back({to_text(program.bytes),
                   program.processes == 1
                       ? program.name
                       : fmt::format("{}, {} processes", program.name, program.processes)});
  }
  return out;
}

std::vector<Entry> holders(const Budget& budget) {
  auto out = program_rows(budget.programs);
  out.resize(std::min(out.size(), holder_rows));
  return out;
}

std::vector<Entry> contexts(const PlanReport& report) {
  const auto& settings = report.plan.footprint.settings;
  const auto trained = longest_trained(report);
  const auto entry = [&](std::string label, std::int64_t tokens) {
    auto text = tokens == 0 ? std::string("none fits") : fmt::format("{}", tokens);
    if (trained > 0 && tokens >= trained) text += ", all it was trained for";
    return Entry{std::move(label), std::move(text)};
  };
  std::vector<Entry> out;
  if (report.runtime.engine == Engine::mlx) {
    // --kv-bits, which stand in the rows as the types with as many bits.
    const auto label = [](ElementType type) {
      return type == ElementType::f16 ? "16 bits" : type == ElementType::q8_0 ? "8 bits" : "4 bits";
    };
    for (const auto& row : report.by_cache_type) {
      out.push_back(entry(label(row.type), row.tokens));
    }
    return out;
  }
  const auto listed = [&](const ContextByCacheType& row) {
    return row.type == settings.cache_type_k && row.type == settings.cache_type_v;
  };
  if (std::ranges::none_of(report.by_cache_type, listed)) {
    out.push_back(entry(cache_types(settings), report.max_context));
  }
  for (const auto& row : report.by_cache_type) {
    // Only llama.cpp has caches of several types.
    if (report.runtime.engine == Engine::llama_cpp || listed(row)) {
      out.push_back(row.refusal.empty() ? entry(cache_type(row.type), row.tokens)
                                        : Entry{cache_type(row.type), "none: " + row.refusal});
    }
  }
  return out;
}

std::vector<Entry> formulas(const Plan& plan) {
  std::vector<Entry> out;
  for (const auto& part : plan.footprint.parts) {
    auto text = part.formula.empty() ? part.note : part.formula;
    if (text.empty()) text = fmt::format("{}, no rule recorded", to_string(part.basis));
    out.push_back(
        {fmt::format("{} ({}) {}", title(part.name), title(part.where), to_text(part.bytes)),
         std::move(text)});
  }
  return out;
}

std::vector<Entry> peak(const Footprint& footprint) {
  std::vector<Entry> out;
  Bytes rest;
  std::size_t more = 0;
  for (const auto& [name, size] : footprint.gpu_peak.alive) {
    if (out.size() < peak_rows) {
      out.push_back({to_text(size), name, name == footprint.gpu_peak.operation});
    } else {
      rest += size;
      ++more;
    }
  }
  if (more > 0) out.push_back({to_text(rest), fmt::format("{} more", more)});
  return out;
}

std::string_view title(PartName name) {
  switch (name) {
    case PartName::weights:
      return "weights";
    case PartName::kv_cache:
      return "KV cache";
    case PartName::recurrent_state:
      return "recurrent state";
    case PartName::compute:
      return "compute";
    case PartName::output:
      return "output";
    case PartName::projector:
      return "projector";
    case PartName::adapter:
      return "adapter";
    case PartName::draft:
      return "draft model";
    case PartName::prompt_cache:
      return "prompt cache";
    case PartName::runtime:
      return "runtime";
  }
  return "?";
}

std::string_view title(Place where) {
  return where == Place::gpu ? "GPU" : "host";
}

std::string cache_type(ElementType type) {
  return lower(format_of(type).name);
}

std::string cache_types(const Settings& settings) {
  const auto k = cache_type(settings.cache_type_k);
  const auto v = cache_type(settings.cache_type_v);
  return k == v ? k : fmt::format("K {}, V {}", k, v);
}

std::int64_t gpu_layers(const Model& model, const Settings& settings) {
  const auto all = static_cast<std::int64_t>(model.layers.size()) + 1;
  return settings.gpu_layers < 0 ? all : std::min(settings.gpu_layers, all);
}

std::int64_t gpu_layers(const PlanReport& report) {
  return gpu_layers(report.model, report.plan.footprint.settings);
}

std::int64_t active_parameters(const Model& model) {
  std::int64_t active = 0;
  for (const auto& tensor : model.tensors.all()) {
    // llama.cpp stacks a layer's experts into one tensor, `ffn_up_exps`.
    const bool experts = tensor.name.find("_exps") != std::string::npos;
    const auto elements = tensor.elements();
    active +=
        experts && model.experts > 0 ? elements / model.experts * model.experts_used : elements;
  }
  return std::min(active, parameters_of(model));
}

std::string parameters(std::int64_t count) {
  const auto n = static_cast<double>(count);
  if (n >= 1e9) return fmt::format("{:.1f} B", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.0f} M", n / 1e6);
  return fmt::format("{}", count);
}

}  // namespace membudget::report
