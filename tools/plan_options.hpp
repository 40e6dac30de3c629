// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attachment_options.hpp"
#include "membudget/membudget.hpp"
#include "model_argument.hpp"

enum class Format { text, json, markdown };

/// The options that every command about a model on a machine takes, as they were typed: those of a
/// request, and those that read files or this machine, or shape the output.
struct PlanOptions : membudget::PlanRequest {
  ModelOptions source;
  std::string readings;
  bool now = false;
  std::string modelfile;
  bool from_env = false;
  AttachmentOptions attachments;
  std::string profiles;
  bool no_calibration = false;
  std::string format = "text";
  bool json = false;
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
/// Throws UsageError for what is wrong with the command line, Error for what cannot be read. Warns
/// on standard error of what Ollama's own settings say that is not planned for.
[[nodiscard]] membudget::PlanInputs read(const PlanOptions& options);

/// The same without a model.
[[nodiscard]] membudget::MachineInputs read_machine(const PlanOptions& options);

/// The report in the format that the options ask for.
[[nodiscard]] std::string rendered(const membudget::PlanReport& report, const PlanOptions& options);

/// One of llama.cpp's short options of several letters.
struct ShortOption {
  std::string_view name;    ///< "-ctk"
  std::string_view option;  ///< "--cache-type-k"
};
[[nodiscard]] std::span<const ShortOption> short_options();

/// Arguments with these as the long ones that CLI11 knows; it takes only one letter after a single
/// dash.
[[nodiscard]] std::vector<std::string> with_long_options(int argc, const char* const* argv);
