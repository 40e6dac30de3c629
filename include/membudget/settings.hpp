// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/machine.hpp"
#include "membudget/model.hpp"
#include "membudget/model_names.hpp"
#include "membudget/plan.hpp"
#include "membudget/runtime.hpp"
#include "membudget/settings_format.hpp"
#include "membudget/workload.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A plan with what it was made from.
struct PlannedRun {
  Model model;
  Machine machine;
  /// llama-server of the same build: what Ollama starts, and what a `llama-server` line means.
  Runtime server;
  /// Whose defaults need not be printed: Ollama (in Docker, if that was planned) and LM Studio as
  /// they start without any setting.
  Runtime ollama;
  Runtime lmstudio;
  Workload workload;
  Plan plan;
  /// The planned context is what `server` takes by itself with these settings.
  bool own_context = false;
  ModelNames names;
  ModelNames draft_names;  ///< Of workload.draft.
  /// What the plan is for. Of an MLX plan `server` is not asked.
  Engine engine = Engine::llama_cpp;
};

/// The settings with which each runtime does what was planned, ready to paste.
///
/// Only what differs from the runtime's defaults on that machine. What a runtime has no setting
/// for, and how much more or less memory it then takes, stands in lines that start with `#`, which
/// all of these formats skip. Names and paths may hold anything: they are quoted, and what cannot
/// be quoted is said in a comment and left out.
struct RuntimeCommands {
  std::vector<std::string> ollama;      ///< Shell lines.
  std::vector<std::string> ollama_run;  ///< Those that then load the model: `ollama run TAG`.
  std::string modelfile;                ///< Without a final newline, like all of these.
  std::string llama_server;
  std::vector<std::string> lmstudio;  ///< Shell lines.
  std::string mlx;
  std::string sysctl;  ///< Empty where Metal's limit is high enough as it is, or no limit helps.
};

/// The settings of every runtime of `formats` that can serve the plan; the others stay empty. Each
/// may cost an estimate, for what it says about the memory.
[[nodiscard]] RuntimeCommands runtime_commands(
    const PlannedRun& run, std::span<const SettingsFormat> formats = settings_formats);

/// One of them as text, each line ended; empty when there is nothing to set.
[[nodiscard]] std::string text_of(const RuntimeCommands& commands, SettingsFormat format);

/// Metal's limit in MiB, as `iogpu.wired_limit_mb`, with which the plan's GPU part fits; nothing
/// where the limit need not or cannot be raised: the rest of the system keeps its reserve.
[[nodiscard]] std::optional<std::int64_t> wired_limit_for(const Plan& plan);

}  // namespace membudget
#pragma GCC visibility pop
