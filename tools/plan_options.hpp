// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/membudget.hpp"
#include "model_argument.hpp"

enum class Format { text, json, markdown };

/// The options that every command about a model on a machine takes, as they were typed.
struct PlanOptions {
  std::string model;
  ModelOptions source;
  std::string chip;
  std::string readings;
  bool now = false;
  std::string macos;
  std::string wired_limit_mb;
  std::string reserve;
  std::string runtime;  ///< Empty: llama.cpp, or Ollama where a Modelfile or its variables are read.
  std::string quantization;
  std::string context;
  std::string depth;
  std::string prompt_tokens;
  std::string generate_tokens;
  std::string cache_type;
  std::string cache_type_k;
  std::string cache_type_v;
  std::string flash_attention;
  std::string batch;
  std::string ubatch;
  std::string parallel;
  std::string gpu_layers;
  bool kv_unified = false;
  bool swa_full = false;
  bool no_mmap = false;
  std::string load_mode;
  bool cpu_moe = false;
  std::string n_cpu_moe;
  std::vector<std::string> override_tensor;
  bool no_kv_offload = false;
  bool no_repack = false;
  bool no_op_offload = false;
  std::string prefill_step;
  std::string kv_bits;
  std::string draft;
  std::string modelfile;
  bool from_env = false;
  bool embeddings = false;
  std::string pooling;
  std::string profiles;
  bool no_calibration = false;
  std::string format = "text";
  bool json = false;
  bool explain = false;
  bool plain = false;
  std::string output;

  void add_to(CLI::App& command);
  /// Only `plan` lets the user choose the context.
  void add_context_to(CLI::App& command);
  void add_speed_to(CLI::App& command);
  /// What is free at this moment, instead of what usually is.
  void add_now_to(CLI::App& command);

  [[nodiscard]] Format output_format() const;
  [[nodiscard]] membudget::TextStyle style() const;
};

/// "q8_0": a cache type as options spell it.
[[nodiscard]] std::string cache_type_name(membudget::ElementType type);

/// What the options name, looked up and read.
struct PlanInputs {
  membudget::Model model;
  membudget::Machine machine;
  membudget::Runtime runtime;
  membudget::Workload workload;
  membudget::Runtime server;  ///< llama-server of the runtime's build.
  membudget::Runtime ollama;  ///< Ollama and LM Studio as they start without any setting.
  membudget::Runtime lmstudio;
  membudget::ModelNames names;
  membudget::ModelNames draft_names;
  std::optional<membudget::SpeedRules> speed_rules;  ///< Empty where no speed is known.
  membudget::SpeedRequest speed;
  membudget::Profiles profiles;  ///< Where all of these were looked up.
  membudget::Bytes target_headroom;  ///< What the largest contexts leave; --target-headroom.
  bool stretch = false;  ///< Look how far memory reaches beyond the trained context.
  bool advise = true;    ///< Say what to change, or what there is room for.
  bool largest_context = false;  ///< `--ctx-size max`; the workload's context is still empty.
};

/// Throws UsageError for what is wrong with the command line, Error for what cannot be read. Warns on
/// standard error of what Ollama's own settings say that is not planned for.
[[nodiscard]] PlanInputs read(const PlanOptions& options);

/// The same without a model.
struct MachineInputs {
  membudget::Profiles profiles;
  membudget::Machine machine;
  membudget::Runtime runtime;
  membudget::Workload workload;
  std::optional<membudget::SpeedRules> speed_rules;
  membudget::SpeedRequest speed;
};
[[nodiscard]] MachineInputs read_machine(const PlanOptions& options);

/// The plan with both searches for the largest context. With `largest_context` the plan is for
/// that context, or for the smallest one when none fits.
[[nodiscard]] membudget::PlanReport report_of(PlanInputs inputs);

/// The report in the format that the options ask for.
[[nodiscard]] std::string rendered(const membudget::PlanReport& report, const PlanOptions& options);

/// llama.cpp's short options of several letters (`-ctk`, `-ngl`) as the long ones that CLI11
/// knows; it takes only one letter after a single dash.
[[nodiscard]] std::vector<std::string> with_long_options(int argc, const char* const* argv);
