// SPDX-License-Identifier: MIT
// mlx-lm 0.32.0 mlx_lm/server.py:1751-1849: options and defaults.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "membudget/error.hpp"
#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget::settings {
namespace {

constexpr std::int64_t usual_step = 2048;
constexpr std::int64_t usual_decodes = 32;
constexpr std::int64_t usual_prompts = 8;
constexpr std::int64_t usual_kept = 10;
constexpr std::int64_t usual_drafted = 3;

/// What mlx-community calls the quantization with about as many bits: "4bit".
std::string nearest_quantization(const std::string& gguf) {
  const auto digit =
      std::find_if(gguf.begin(), gguf.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (digit == gguf.end() || gguf.starts_with("F") || gguf.starts_with("BF")) return "bf16";
  const int bits = gguf.find("FP4") != std::string::npos ? 4 : *digit - '0';
  return fmt::format("{}bit", std::clamp(bits == 7 ? 8 : bits, 3, 8));
}

/// What mlx_lm.server is given as --model; empty where there is nothing to give.
std::string model_of(const PlannedRun& run, std::vector<std::string>& lines) {
  if (is_mlx(run.model)) {
    if (!run.names.folder.empty()) return plain_path(run.names.folder);
    return fmt::format("mlx-community/{}-{}", run.names.title, run.model.quantization);
  }
  if (!run.names.file.empty() || run.names.title.empty()) {
    lines.push_back(
        comment("MLX reads no GGUF: convert the original weights with mlx_lm.convert and "
                "plan the folder it writes."));
    return "";
  }
  const std::string quantization = nearest_quantization(run.model.quantization);
  lines.push_back(comment(fmt::format(
      "MLX reads no GGUF. By mlx-community's way of naming, {} comes nearest to {}; its weights "
      "take other bytes than planned.",
      quantization, run.model.quantization)));
  return fmt::format("mlx-community/{}-{}", run.names.title, quantization);
}

/// The draft model as it is called there; nothing where only a GGUF file of it is known.
std::string mlx_draft_option(const PlannedRun& run, std::vector<std::string>& lines) {
  const Model& draft = *run.workload.draft;
  if (!run.draft_names.file.empty() || run.draft_names.title.empty()) {
    lines.push_back(comment(fmt::format(
        "MLX reads no GGUF: give --draft-model a folder that mlx_lm.convert wrote of {}.",
        draft.id)));
    return "";
  }
  std::string out =
      " --draft-model " + shell_word(fmt::format("mlx-community/{}-{}", run.draft_names.title,
                                                 nearest_quantization(draft.quantization)));
  if (const std::int64_t drafted = run.plan.footprint.settings.draft_max;
      drafted != usual_drafted) {
    out += fmt::format(" --num-draft-tokens {}", drafted);
  }
  return out;
}

/// The cache in 16 bits; nothing where the engine cannot say.
Bytes cache_16_bit(const PlannedRun& run) {
  if (run.engine == Engine::mlx) {
    const Footprint& planned = run.plan.footprint;
    return planned.total(PartName::kv_cache) + planned.total(PartName::recurrent_state);
  }
  Workload workload = run.workload;
  workload.context = run.plan.footprint.settings.context;
  workload.cache_type_k = ElementType::f16;
  workload.cache_type_v = ElementType::f16;
  try {
    const Footprint footprint = estimate(run.model, run.server, workload);
    return footprint.total(PartName::kv_cache) + footprint.total(PartName::recurrent_state);
  } catch (const Error&) {
    return {};
  }
}

void add_cache_notes(const PlannedRun& run, Bytes cache, std::vector<std::string>& lines) {
  const Settings& planned = run.plan.footprint.settings;
  const auto sixteen = [](ElementType type) {
    return type == ElementType::f16 || type == ElementType::bf16;
  };
  if (planned.kv_bits > 0) {
    lines.push_back(comment(fmt::format(
        "mlx_lm.server has no --kv-bits: its cache takes 16 bits. mlx_lm.generate has it: "
        "--kv-bits {} --quantized-kv-start 0",
        planned.kv_bits)));
  }
  if (!sixteen(planned.cache_type_k) || !sixteen(planned.cache_type_v)) {
    lines.push_back(comment(fmt::format(
        "mlx_lm.server keeps its cache in 16 bits: about {} at {} tokens, where {} were planned.",
        to_text(cache), planned.context, to_text(run.plan.footprint.total(PartName::kv_cache)))));
  }
  lines.push_back(comment(fmt::format(
      "No option limits the context: memory grows with the tokens in use, beyond {} too.",
      planned.context)));
}

}  // namespace

std::vector<std::string> mlx_lines(const PlannedRun& run) {
  const Settings& planned = run.plan.footprint.settings;
  std::vector<std::string> lines;
  const std::string model = model_of(run, lines);
  if (model.empty()) return lines;
  const Bytes cache = cache_16_bit(run);
  add_cache_notes(run, cache, lines);
  const auto missing = server_only(run, true);
  for (const std::string& option : missing) {
    lines.push_back(comment(fmt::format("mlx_lm.server has no setting for {}.", option)));
  }
  if (chosen_gpu_layers(run) || !planned.kv_offload) {
    lines.push_back(comment("MLX keeps all layers and caches on the GPU."));
  }
  // Slots that share a cache hold its tokens together; here each request has a cache of its own,
  // so only one may run at a time.
  const bool mlx = run.engine == Engine::mlx;
  const std::int64_t slots = planned.kv_unified ? 1 : planned.parallel;
  const std::int64_t step = mlx ? planned.prefill_step : std::min(planned.ubatch, planned.batch);
  std::string command = "mlx_lm.server --model " + shell_word(model);
  if (run.workload.draft != nullptr) command += mlx_draft_option(run, lines);
  const auto add = [&](const char* option, std::int64_t value, std::int64_t usual) {
    if (value != usual) command += fmt::format(" {} {}", option, value);
  };
  add("--prefill-step-size", step, usual_step);
  add("--decode-concurrency", slots, usual_decodes);
  add("--prompt-concurrency", std::min(slots, usual_prompts), usual_prompts);
  // Caches of finished requests stay in memory for the next that starts alike.
  add("--prompt-cache-size", slots, usual_kept);
  if (cache > Bytes{}) {
    lines.push_back(comment(
        fmt::format("Caches of finished requests are kept beside the one in use, up to {} more.",
                    to_text(cache))));
    command += fmt::format(" --prompt-cache-bytes {}", cache.count());
  }
  lines.push_back(std::move(command));
  return lines;
}

std::vector<std::string> lmstudio_mlx_lines(const PlannedRun& run) {
  std::vector<std::string> lines;
  std::vector<std::string> unused;
  const std::string model = model_of(run, unused);
  const Settings& planned = run.plan.footprint.settings;
  lines.push_back(comment("LM Studio fits the context of MLX models itself and ignores -c."));
  if (planned.kv_bits > 0) {
    lines.push_back(comment(
        fmt::format("Set llm.load.mlx.kvCacheQuantization to {} bits in the model's defaults.",
                    planned.kv_bits)));
  }
  // lmstudio-ai/lms load.ts: 4 predictions at once unless told otherwise.
  lines.push_back(fmt::format("lms load {} --parallel {} -y", shell_word(model), planned.parallel));
  return lines;
}

}  // namespace membudget::settings
