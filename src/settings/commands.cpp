// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget {
namespace settings {

std::string type_name(ElementType type) {
  return lower(format_of(type).name);
}

std::string title_of(const Model& model) {
  return model.quantization.empty() ? model.id : fmt::format("{} {}", model.id, model.quantization);
}

std::string usual_file(const PlannedRun& run) {
  const std::string& title = run.names.title.empty() ? run.model.id : run.names.title;
  return fmt::format("{}-{}.gguf", title, run.model.quantization);
}

std::optional<std::int64_t> chosen_gpu_layers(const PlannedRun& run) {
  const std::int64_t asked = run.plan.footprint.settings.gpu_layers;
  const auto all = static_cast<std::int64_t>(run.model.layers.size()) + run.model.draft_layers + 1;
  return asked < 0 || asked >= all ? std::nullopt : std::optional(asked);
}

std::vector<std::string> server_only(const PlannedRun& run, bool experts) {
  const Settings& settings = run.plan.footprint.settings;
  std::vector<std::string> out;
  if (settings.swa_full) out.emplace_back("--swa-full");
  if (experts && settings.cpu_moe) out.emplace_back("--cpu-moe");
  if (experts && settings.n_cpu_moe > 0) {
    out.push_back(fmt::format("--n-cpu-moe {}", settings.n_cpu_moe));
  }
  for (const auto& [pattern, buffer] : settings.tensor_overrides) {
    out.push_back(
        fmt::format("--override-tensor {}={}", pattern, buffer == Backend::cpu ? "CPU" : "MTL0"));
  }
  if (!settings.repack) out.emplace_back("--no-repack");
  if (!settings.op_offload) out.emplace_back("--no-op-offload");
  if (settings.embeddings && run.model.logits) out.emplace_back("--embeddings");
  return out;
}

namespace {

/// Without a GPU in the machine no other runtime has one either.
Workload on_this_machine(const PlannedRun& run, Workload workload) {
  if (!run.plan.budget.metal) workload.backend = Backend::cpu;
  return workload;
}

}  // namespace

std::string memory_note(const PlannedRun& run, const Workload& workload) {
  return memory_note(run, run.server, workload);
}

std::string memory_note(const PlannedRun& run, const Runtime& runtime, const Workload& workload) {
  Footprint other;
  try {
    other = estimate(run.model, runtime, on_this_machine(run, workload));
  } catch (const Error& error) {
    return fmt::format("The engine refuses this: {}", error.what());
  }
  const Footprint& plan = run.plan.footprint;
  const Bytes planned = plan.total();
  const std::string gpu = to_text(other.total(Place::gpu));
  const std::string planned_gpu = to_text(plan.total(Place::gpu));
  // A difference that is not seen in what is printed reads like a slip.
  const std::string on_gpu =
      gpu == planned_gpu ? ""
                         : fmt::format(", {} of it on the GPU instead of {}", gpu, planned_gpu);
  if (other.total() == planned) {
    return on_gpu.empty() ? ""
                          : fmt::format("So it takes {}, as planned{}.", to_text(planned), on_gpu);
  }
  const bool more = other.total() > planned;
  const Bytes off = more ? other.total() - planned : planned - other.total();
  return fmt::format("So it takes {}, {} {} than planned{}.", to_text(other.total()), to_text(off),
                     more ? "more" : "less", on_gpu);
}

}  // namespace settings

namespace {

/// With a raised limit a plan may fit that does not without: whoever pastes only one of the
/// settings must know.
std::string raised_limit_note(const PlannedRun& run) {
  if (run.machine.wired_limit_mib == 0 || !fits(run.plan.verdict)) return "";
  Machine usual = run.machine;
  usual.wired_limit_mib = 0;
  const Bytes limit = budget(usual, run.server).gpu_limit;
  if (run.plan.footprint.total(Place::gpu) <= limit) return "";
  return settings::comment(
      fmt::format("Planned with Metal's limit raised from {} to {}, which is lost at every start: "
                  "sudo sysctl iogpu.wired_limit_mb={}",
                  to_text(limit), to_text(run.plan.budget.gpu_limit), run.machine.wired_limit_mib));
}

// An MLX plan is told to MLX; the others hear why they cannot do it.
constexpr std::string_view ollama_runs_mlx =
    "Ollama's MLX runner has no settings that change its memory.";
constexpr std::string_view reads_gguf =
    "This plan is for MLX; for llama.cpp and Ollama's GGUF models plan a quantization such as "
    "Q4_K_M.";

}  // namespace

RuntimeCommands runtime_commands(const PlannedRun& run, std::span<const SettingsFormat> formats) {
  using settings::joined;
  const bool mlx = run.engine == Engine::mlx;
  const std::string limit = raised_limit_note(run);
  const auto noted = [&](std::vector<std::string> lines) {
    if (!limit.empty()) lines.insert(lines.begin(), limit);
    return lines;
  };
  RuntimeCommands out;
  for (const SettingsFormat format : formats) {
    switch (format) {
      case SettingsFormat::ollama:
        if (mlx) {
          out.ollama = {settings::comment(ollama_runs_mlx)};
        } else {
          auto lines = settings::ollama_lines(run);
          out.ollama = noted(std::move(lines.server));
          out.ollama_run = std::move(lines.run);
        }
        break;
      case SettingsFormat::modelfile:
        out.modelfile =
            mlx ? settings::comment(reads_gguf) : joined(noted(settings::modelfile_lines(run)));
        break;
      case SettingsFormat::llama_server:
        out.llama_server =
            mlx ? settings::comment(reads_gguf) : joined(noted(settings::llama_server_lines(run)));
        break;
      case SettingsFormat::lmstudio:
        out.lmstudio =
            noted(mlx ? settings::lmstudio_mlx_lines(run) : settings::lmstudio_lines(run));
        break;
      case SettingsFormat::mlx:
        out.mlx = joined(noted(settings::mlx_lines(run)));
        break;
      case SettingsFormat::sysctl:
        out.sysctl = joined(settings::sysctl_lines(run));
        break;
    }
  }
  return out;
}

std::string text_of(const RuntimeCommands& commands, SettingsFormat format) {
  const auto text = [&]() -> std::string {
    switch (format) {
      case SettingsFormat::ollama:
        return settings::joined(commands.ollama);
      case SettingsFormat::modelfile:
        return commands.modelfile;
      case SettingsFormat::llama_server:
        return commands.llama_server;
      case SettingsFormat::lmstudio:
        return settings::joined(commands.lmstudio);
      case SettingsFormat::mlx:
        return commands.mlx;
      case SettingsFormat::sysctl:
        return commands.sysctl;
    }
    return "";
  }();
  return text.empty() ? "" : text + "\n";
}

}  // namespace membudget
